//! Sizes, shapes, and pictures that are meant to do harm.

use image::{ImageBuffer, Luma, Rgb, Rgba};

use super::*;

const LIMITS: Limits = Limits { pixels: 4_000_000, memory: 64 << 20 };

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// Red at the left, blue at the right.
fn picture(width: u32, height: u32) -> DynamicImage {
    ImageBuffer::from_fn(width, height, |x, _| if x < width / 2 { Rgb([255_u8, 0, 0]) } else { Rgb([0, 0, 255]) })
        .into()
}

fn made(source: &[u8], size: Size) -> DynamicImage {
    image::load_from_memory(&render(Cursor::new(source), size, LIMITS).unwrap()).unwrap()
}

#[test]
fn the_smallest_size_that_is_large_enough_is_chosen() {
    for (width, height, method, name) in [
        (1, 1, Method::Crop, "32x32-crop"),
        (32, 32, Method::Crop, "32x32-crop"),
        (33, 1, Method::Crop, "96x96-crop"),
        (97, 97, Method::Crop, "320x240-scale"),
        (800, 600, Method::Crop, "800x600-scale"),
        (1, 1, Method::Scale, "320x240-scale"),
        (320, 241, Method::Scale, "640x480-scale"),
        (800, 600, Method::Scale, "800x600-scale"),
        (4000, 3000, Method::Scale, "800x600-scale"),
    ] {
        assert_eq!(Size::at_least(width, height, method).name(), name, "{width}x{height} {method:?}");
    }
}

#[test]
fn every_format_is_scaled_within_and_cropped_to_the_size() {
    for format in FORMATS {
        let wide = encoded(&picture(1000, 500), format);
        let scaled = made(&wide, scale(320, 240));
        assert_eq!(scaled.dimensions(), (320, 160), "{format:?}");
        assert_eq!(made(&wide, crop(96, 96)).dimensions(), (96, 96), "{format:?}");
        let tall = encoded(&picture(300, 1200), format);
        assert_eq!(made(&tall, scale(320, 240)).dimensions(), (60, 240), "{format:?}");
        let (left, right) = (scaled.to_rgb8()[(20, 80)], scaled.to_rgb8()[(300, 80)]);
        assert!(left.0[0] > 200 && left.0[2] < 60 && right.0[2] > 200 && right.0[0] < 60, "{left:?} {right:?}");
    }
}

#[test]
fn a_small_picture_is_not_enlarged() {
    let small = encoded(&picture(20, 10), ImageFormat::Png);
    assert_eq!(made(&small, scale(320, 240)).dimensions(), (20, 10));
    assert_eq!(made(&small, crop(96, 96)).dimensions(), (20, 10));
    assert_eq!(made(&encoded(&picture(5000, 1), ImageFormat::Png), scale(320, 240)).dimensions(), (320, 1));
}

#[test]
fn only_transparent_pictures_become_png() {
    let shape = |alpha: u8| DynamicImage::from(ImageBuffer::from_pixel(50, 50, Rgba([9, 9, 9, alpha])));
    let type_of = |picture: &DynamicImage| {
        content_type(&render(Cursor::new(encoded(picture, ImageFormat::Png)), crop(32, 32), LIMITS).unwrap())
    };
    assert_eq!(type_of(&shape(128)), "image/png");
    assert_eq!(type_of(&shape(255)), "image/jpeg");
    assert_eq!(type_of(&picture(50, 50)), "image/jpeg");
    let deep: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_pixel(50, 50, Luma([9]));
    assert_eq!(type_of(&deep.into()), "image/jpeg");
}

#[test]
fn a_photo_stands_upright() {
    let jpeg = encoded(&picture(400, 200), ImageFormat::Jpeg);
    // Exif, big-endian, with one entry: orientation (0x0112) 6, "turn clockwise by 90 degrees".
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
    let upright = made(&turned, scale(320, 240)).to_rgb8();
    assert_eq!(upright.dimensions(), (120, 240));
    assert!(upright[(60, 20)].0[0] > 200 && upright[(60, 220)].0[2] > 200, "red is on top, blue below");
    assert_eq!(made(&turned, crop(96, 96)).to_rgb8().dimensions(), (96, 96));
}

#[test]
fn a_picture_beyond_the_limits_is_not_decoded() {
    // A GIF of 65535 x 65535 pixels, in 30 bytes.
    let gif = b"GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00\x3b";
    let refused = render(Cursor::new(&gif[..]), crop(32, 32), LIMITS);
    assert!(matches!(refused, Err(Error::TooLarge)), "{refused:?}");

    let bomb: ImageBuffer<Luma<u8>, _> = ImageBuffer::from_pixel(2500, 2500, Luma([0]));
    let bomb = encoded(&bomb.into(), ImageFormat::Png);
    assert!(bomb.len() < 50_000, "{}", bomb.len());
    let with = |pixels, memory| render(Cursor::new(&bomb), crop(32, 32), Limits { pixels, memory });
    assert!(matches!(with(6_249_999, 64 << 20), Err(Error::TooLarge)), "pixels");
    assert!(matches!(with(6_250_000, 1 << 20), Err(Error::TooLarge)), "memory");
    assert!(with(6_250_000, 64 << 20).is_ok());
}

#[test]
fn what_is_no_picture_is_unsupported() {
    let png = encoded(&picture(100, 100), ImageFormat::Png);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    for (what, bytes) in
        [("nothing", &[][..]), ("svg", svg), ("a cut png", &png[..60]), ("half", &png[..png.len() / 2])]
    {
        let refused = render(Cursor::new(bytes), crop(32, 32), LIMITS);
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{what}: {refused:?}");
    }
}
