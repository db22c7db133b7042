import { useRef, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Icon } from "@/components/Icon";
import { IconButton } from "@/components/IconButton";
import { kindOf } from "@/matrix/mediaFacts";
import styles from "./FileSheet.module.css";
import { dropPreview, previewOf } from "./previews";
import { formatBytes } from "@/components/formatBytes";

export interface FileSheetProps {
  readonly files: readonly File[];
  readonly limit: number | undefined;
  readonly onChange: (files: readonly File[]) => void;
  readonly onSend: (caption: string) => void;
  readonly onAddMore: () => void;
}

/** A look at the files before they go, with a caption. */
export function FileSheet({ files, limit, onChange, onSend, onAddMore }: FileSheetProps): ReactElement {
  const { t } = useTranslation("composer");
  const captionField = useRef<HTMLInputElement>(null);
  const [caption, setCaption] = useState("");
  const tooLarge = limit === undefined ? [] : files.filter((file) => file.size > limit);
  const ready = files.length > 0 && tooLarge.length === 0;
  const close = (): void => {
    setCaption("");
    files.forEach(dropPreview);
    onChange([]);
  };
  const send = (): void => {
    if (!ready) return;
    files.forEach(dropPreview);
    onSend(caption);
    setCaption("");
  };
  return (
    <Dialog
      open={files.length > 0}
      onClose={close}
      // Most people type a word there, or press Enter at once.
      initialFocus={captionField}
      title={t("sheet.title", { count: files.length })}
      actions={
        <>
          <Button variant="plain" icon="plus" onClick={onAddMore}>
            {t("sheet.addMore")}
          </Button>
          <Button onClick={close}>{t("sheet.cancel")}</Button>
          <Button variant="primary" icon="send" disabled={!ready} onClick={send}>
            {t("sheet.send")}
          </Button>
        </>
      }
    >
      <ul className={styles.files} data-count={files.length === 1 ? "one" : "many"}>
        {files.map((file) => (
          <FileCard key={previewOf(file)} file={file} onRemove={() => onChange(files.filter((other) => other !== file))} />
        ))}
      </ul>
      {tooLarge.map((file) => (
        <p key={file.name} role="alert" className={styles.problem}>
          <Icon name="alert" size={18} /> {t("sheet.tooLarge", { name: file.name, limit: formatBytes(limit ?? 0) })}
        </p>
      ))}
      <input
        className={styles.caption}
        aria-label={t("sheet.caption")}
        placeholder={t("sheet.caption")}
        value={caption}
        dir="auto"
        ref={captionField}
        onChange={(event) => setCaption(event.target.value)}
        onKeyDown={(event) => event.key === "Enter" && !event.nativeEvent.isComposing && send()}
      />
    </Dialog>
  );
}

function FileCard({ file, onRemove }: { file: File; onRemove: () => void }): ReactElement {
  const { t } = useTranslation("composer");
  const kind = kindOf(file.type);
  const url = kind === "image" || kind === "video" ? previewOf(file) : undefined;
  return (
    <li className={styles.card}>
      {kind === "image" && url !== undefined ? (
        <img className={styles.preview} src={url} alt="" />
      ) : kind === "video" && url !== undefined ? (
        <video className={styles.preview} src={url} muted preload="metadata" />
      ) : (
        <span className={styles.sign}>
          <Icon name="file" size={28} />
        </span>
      )}
      <span className={styles.name}>
        <b dir="auto">{file.name}</b> <span>{formatBytes(file.size)}</span>
      </span>
      <IconButton icon="close" size="sm" variant="soft" label={t("sheet.remove", { name: file.name })} tooltip={false} className={styles.remove ?? ""} onClick={onRemove} />
    </li>
  );
}
