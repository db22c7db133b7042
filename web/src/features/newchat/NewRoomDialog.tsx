import { EventType } from "matrix-js-sdk";
import type { ICreateRoomStateEvent } from "matrix-js-sdk";
import { useEffect, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Avatar } from "@/components/Avatar";
import { Button } from "@/components/Button";
import { ChoiceGroup } from "@/components/ChoiceGroup";
import { Dialog } from "@/components/Dialog";
import { Form, FormActions, FormError, FormIdentity } from "@/components/Form";
import { PicturePicker } from "@/components/PicturePicker";
import { TextArea, TextField } from "@/components/TextField";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { navigate } from "@/matrix/routes";
import { uploadPicture } from "@/matrix/squarePicture";
import { aliasFrom } from "./aliasFrom";

type Access = "private" | "public";
type Errors = { name?: string; alias?: string; form?: string };

/** Makes a room: name, topic, picture, who can join. */
export function NewRoomDialog({ onClose }: { onClose: () => void }): ReactElement {
  const { t } = useTranslation(["newchat", "matrix"]);
  const client = useClient();
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [access, setAccess] = useState<Access>("private");
  const [typedAlias, setTypedAlias] = useState<string>();
  const [picture, setPicture] = useState<{ file: File; url: string }>();
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  useEffect(() => () => void (picture && URL.revokeObjectURL(picture.url)), [picture]);
  const alias = typedAlias ?? aliasFrom(name);

  const submit = async (): Promise<void> => {
    if (busy) return;
    if (!name.trim()) return setErrors({ name: t("roomNameMissing") });
    if (access === "public" && alias && alias !== aliasFrom(alias)) return setErrors({ alias: t("aliasBad") });
    setErrors({});
    setBusy(true);
    try {
      const initial_state: ICreateRoomStateEvent[] = picture
        ? [{ type: EventType.RoomAvatar, state_key: "", content: { url: await uploadPicture(client, picture.file) } }]
        : [];
      const { room_id } = await client.createRoom({
        name: name.trim(),
        ...(topic.trim() ? { topic: topic.trim() } : {}),
        preset: (access === "public" ? "public_chat" : "private_chat") as never,
        visibility: access as never,
        ...(access === "public" && alias ? { room_alias_name: alias } : {}),
        initial_state,
      });
      navigate({ roomId: room_id }, { replace: true });
    } catch (error) {
      const key = errorKey(error);
      setErrors(key === "errors.aliasInUse" ? { alias: t(key, { ns: "matrix" }) } : { form: t(key, { ns: "matrix" }) });
      setBusy(false);
    }
  };

  return (
    <Dialog open onClose={onClose} title={t("newRoom")}>
      <Form onSubmit={() => void submit()}>
        <FormIdentity>
          <PicturePicker
            label={t("picture")}
            chooseLabel={t("choosePicture")}
            removeLabel={t("removePicture")}
            present={Boolean(picture)}
            onPick={(file) => setPicture({ file, url: URL.createObjectURL(file) })}
            onRemove={() => setPicture(undefined)}
          >
            <Avatar id={name || "?"} name={name || "?"} src={picture?.url} size={64} shape="room" />
          </PicturePicker>
          <TextField
            label={t("roomName")}
            value={name}
            maxLength={120}
            error={errors.name}
            // The dialog was opened to fill this in.
            // eslint-disable-next-line jsx-a11y/no-autofocus -- see above
            autoFocus
            onChange={(event) => setName(event.target.value)}
          />
        </FormIdentity>
        <TextArea label={t("topic")} hint={t("topicHint")} rows={2} value={topic} maxLength={1000} onChange={(event) => setTopic(event.target.value)} />
        <ChoiceGroup
          label={t("access")}
          value={access}
          onChange={setAccess}
          choices={[
            { value: "private", label: t("private"), icon: "lock" },
            { value: "public", label: t("public"), icon: "compass" },
          ]}
        />
        {access === "public" && (
          <TextField
            label={t("alias")}
            prefix="#"
            autoCapitalize="none"
            spellCheck={false}
            value={alias}
            error={errors.alias}
            hint={alias ? t("aliasHint", { alias, server: client.getDomain() }) : t("publicHint")}
            onChange={(event) => setTypedAlias(event.target.value)}
          />
        )}
        <FormError>{errors.form}</FormError>
        <FormActions>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" variant="primary" busy={busy}>
            {t("create")}
          </Button>
        </FormActions>
      </Form>
    </Dialog>
  );
}
