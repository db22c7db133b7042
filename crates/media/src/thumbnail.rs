//! Makes a small picture of a big one, within limits of pixels and memory.

use std::io::{BufRead, Cursor, Seek};

use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageReader, codecs::jpeg::JpegEncoder,
    imageops::FilterType, metadata::Orientation,
};

use crate::error::{Error, Result};

/// Formats that are decoded, whatever the file claims to be.
const FORMATS: [ImageFormat; 4] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
const JPEG_QUALITY: u8 = 82;

/// How a picture is made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Fills the size; what stands out is cut off.
    Crop,
    /// Lies within the size, whole.
    Scale,
}

/// A size that thumbnails are made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
    method: Method,
}

/// The sizes that the specification asks for ("Thumbnails"), small to large. No others are made, so that nobody can
/// fill the disk with variants of one picture.
const CROPS: [Size; 2] = [crop(32, 32), crop(96, 96)];
const SCALES: [Size; 3] = [scale(320, 240), scale(640, 480), scale(800, 600)];

const fn crop(width: u32, height: u32) -> Size {
    Size { width, height, method: Method::Crop }
}

const fn scale(width: u32, height: u32) -> Size {
    Size { width, height, method: Method::Scale }
}

impl Size {
    /// The smallest size that is at least as large as what is wanted, or the largest there is. Crops end at 96x96: who
    /// wants a larger one gets the whole picture, which clients crop as they show it.
    pub fn at_least(width: u32, height: u32, method: Method) -> Self {
        let fits = |size: &&Self| width <= size.width && height <= size.height;
        let crop = (method == Method::Crop).then(|| CROPS.iter().find(fits)).flatten();
        *crop.or_else(|| SCALES.iter().find(fits)).unwrap_or(&SCALES[SCALES.len() - 1])
    }

    /// `96x96-crop`
    pub fn name(self) -> String {
        let method = if self.method == Method::Crop { "crop" } else { "scale" };
        format!("{}x{}-{method}", self.width, self.height)
    }
}

/// What a picture may cost to decode.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Width times height.
    pub pixels: u64,
    /// Bytes of memory for the decoded picture and what the decoder needs beside it.
    pub memory: u64,
}

/// The content type of a thumbnail.
pub fn content_type(thumbnail: &[u8]) -> &'static str {
    if thumbnail.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" }
}

/// A thumbnail as JPEG, or as PNG if it has transparent parts. Stands upright, has no metadata, is never enlarged; of
/// an animation it shows the first frame.
///
/// # Errors
/// [`Error::Unsupported`] for what is no picture, [`Error::TooLarge`] past the limits.
pub(crate) fn render(source: impl BufRead + Seek, size: Size, limits: Limits) -> Result<Vec<u8>> {
    let mut reader = ImageReader::new(source).with_guessed_format()?;
    if !reader.format().is_some_and(|format| FORMATS.contains(&format)) {
        return Err(Error::Unsupported("its format is not known".into()));
    }
    let mut decoding = image::Limits::default();
    decoding.max_alloc = Some(limits.memory);
    reader.limits(decoding);
    let mut decoder = reader.into_decoder()?;
    // Asked before anything is decoded: a few bytes can claim to be a picture of any size.
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.pixels || decoder.total_bytes() > limits.memory {
        return Err(Error::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder)?;
    encode(&fit(picture, size, orientation))
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            ImageError::IoError(error) if error.kind() == std::io::ErrorKind::StorageFull => Self::Full,
            error => Self::Unsupported(error.to_string().into()),
        }
    }
}

/// Shrinks before it turns the picture, since turning a small one costs nothing.
fn fit(picture: DynamicImage, size: Size, orientation: Orientation) -> DynamicImage {
    let lies = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let (width, height) = if lies { (size.height, size.width) } else { (size.width, size.height) };
    let mut small = match size.method {
        Method::Scale => shrink(picture, width, height, f64::min),
        Method::Crop => cut(&shrink(picture, width, height, f64::max), width, height),
    };
    small.apply_orientation(orientation);
    small
}

/// Shrinks until one side (`f64::max`) or both (`f64::min`) are no longer than wanted.
fn shrink(picture: DynamicImage, width: u32, height: u32, choose: fn(f64, f64) -> f64) -> DynamicImage {
    let (from_width, from_height) = picture.dimensions();
    let ratio = choose(f64::from(width) / f64::from(from_width), f64::from(height) / f64::from(from_height));
    if ratio >= 1.0 {
        return picture;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a u32, and positive")]
    let scaled = |side: u32| ((f64::from(side) * ratio).round() as u32).max(1);
    let (width, height) = (scaled(from_width), scaled(from_height));
    // Averaging is fast and good down to twice the size; the filter does the rest and keeps edges sharp.
    let picture = if ratio < 0.4 { picture.thumbnail_exact(width * 2, height * 2) } else { picture };
    picture.resize_exact(width, height, FilterType::CatmullRom)
}

/// The middle of the picture.
fn cut(picture: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    let (width, height) = (width.min(picture.width()), height.min(picture.height()));
    picture.crop_imm((picture.width() - width) / 2, (picture.height() - height) / 2, width, height)
}

fn encode(picture: &DynamicImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let transparent = picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < 255);
    if transparent {
        DynamicImage::from(picture.to_rgba8()).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    } else {
        picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "thumbnail_tests.rs"]
mod tests;
