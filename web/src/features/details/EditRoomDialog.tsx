import { EventType } from "matrix-js-sdk";
import type { Room } from "matrix-js-sdk";
import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Avatar } from "@/components/Avatar";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Form, FormActions, FormError, FormIdentity } from "@/components/Form";
import { PicturePicker } from "@/components/PicturePicker";
import { TextArea, TextField } from "@/components/TextField";
import { errorKey } from "@/matrix/http";
import { useMediaUrl } from "@/matrix/media";
import { uploadPicture } from "@/matrix/squarePicture";

/** Changes name, topic and picture, each as far as the person may. */
export function EditRoomDialog({ room, onClose }: { room: Room; onClose: () => void }): ReactElement {
  const { t } = useTranslation(["details", "matrix"]);
  const { client, currentState: state } = room;
  const may = (type: EventType): boolean => state.maySendStateEvent(type, client.getSafeUserId());
  const before = {
    name: state.getStateEvents(EventType.RoomName, "")?.getContent<{ name?: string }>().name ?? "",
    topic: state.getStateEvents(EventType.RoomTopic, "")?.getContent<{ topic?: string }>().topic ?? "",
    picture: room.getMxcAvatarUrl() ?? undefined,
  };
  const [name, setName] = useState(before.name);
  const [topic, setTopic] = useState(before.topic);
  const [picture, setPicture] = useState<string | undefined>(before.picture);
  const [uploading, setUploading] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const src = useMediaUrl(picture, { width: 64, height: 64, method: "crop" });
  const explain = (failure: unknown): void => setError(t(errorKey(failure), { ns: "matrix" }));

  const upload = async (file: File): Promise<void> => {
    setUploading(true);
    await uploadPicture(client, file).then(setPicture, explain);
    setUploading(false);
  };

  const submit = async (): Promise<void> => {
    if (busy || uploading) return;
    if (before.name && !name.trim()) return setError(t("nameMissing"));
    setBusy(true);
    setError(undefined);
    try {
      if (name.trim() !== before.name) await client.setRoomName(room.roomId, name.trim());
      if (topic.trim() !== before.topic) await client.setRoomTopic(room.roomId, topic.trim());
      if (picture !== before.picture) await client.sendStateEvent(room.roomId, EventType.RoomAvatar, picture ? { url: picture } : {}, "");
      onClose();
    } catch (failure) {
      explain(failure);
      setBusy(false);
    }
  };

  return (
    <Dialog open onClose={onClose} title={t("editTitle")}>
      <Form onSubmit={() => void submit()}>
        <FormIdentity>
          {may(EventType.RoomAvatar) ? (
            <PicturePicker
              label={t("picture")}
              chooseLabel={t("choosePicture")}
              removeLabel={t("removePicture")}
              present={Boolean(picture)}
              busy={uploading}
              onPick={(file) => void upload(file)}
              onRemove={() => setPicture(undefined)}
            >
              <Avatar id={room.roomId} name={name || room.name} src={src} size={64} shape="room" />
            </PicturePicker>
          ) : (
            <Avatar id={room.roomId} name={name || room.name} src={src} size={64} shape="room" />
          )}
          <TextField label={t("name")} value={name} maxLength={120} disabled={!may(EventType.RoomName)} onChange={(event) => setName(event.target.value)} />
        </FormIdentity>
        <TextArea label={t("topic")} value={topic} maxLength={1000} disabled={!may(EventType.RoomTopic)} onChange={(event) => setTopic(event.target.value)} />
        <FormError>{error}</FormError>
        <FormActions>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" variant="primary" busy={busy}>
            {t("save")}
          </Button>
        </FormActions>
      </Form>
    </Dialog>
  );
}
