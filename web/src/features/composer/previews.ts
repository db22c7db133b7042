const urls = new WeakMap<File, string>();

/** A blob: address to show a picked file from, until `dropPreview`. */
export function previewOf(file: File): string {
  let url = urls.get(file);
  if (url === undefined) urls.set(file, (url = URL.createObjectURL(file)));
  return url;
}

export function dropPreview(file: File): void {
  const url = urls.get(file);
  if (url !== undefined) URL.revokeObjectURL(url);
  urls.delete(file);
}
