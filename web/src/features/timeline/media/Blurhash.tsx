import { decode, isBlurhashValid } from "blurhash";
import { useEffect, useRef } from "react";
import type { ReactElement } from "react";
import styles from "./Picture.module.css";

const SIZE = 32;

/** A blurred impression of a picture that is still on its way. */
export function Blurhash({ hash }: { hash: string }): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !isBlurhashValid(hash).result) return;
    const image = context.createImageData(SIZE, SIZE);
    image.data.set(decode(hash, SIZE, SIZE));
    context.putImageData(image, 0, 0);
  }, [hash]);
  return <canvas ref={canvas} width={SIZE} height={SIZE} className={styles.blur} aria-hidden="true" />;
}
