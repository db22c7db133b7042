import { useCallback, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Avatar } from "@/components/Avatar";
import { Button } from "@/components/Button";
import { Form, FormActions } from "@/components/Form";
import { PicturePicker } from "@/components/PicturePicker";
import { Skeleton } from "@/components/Skeleton";
import { TextField } from "@/components/TextField";
import { showToast } from "@/components/Toast";
import { useLoad } from "@/components/useLoad";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { LoadFailure } from "@/matrix/LoadFailure";
import { useMediaUrl } from "@/matrix/media";
import { localPart } from "@/matrix/rooms";
import { uploadPicture } from "@/matrix/squarePicture";
import styles from "./settings.module.css";

interface Profile {
  displayname?: string | undefined;
  avatar_url?: string | undefined;
}

/** The name and face others see. */
export function ProfilePage(): ReactElement {
  const client = useClient();
  const load = useCallback(() => client.getProfileInfo(client.getSafeUserId()) as Promise<Profile>, [client]);
  const { retry, ...result } = useLoad(load);
  const { data } = result;
  if (result.state === "failed") return <LoadFailure error={result.error} onRetry={retry} />;
  if (!data) return <ProfileSkeleton />;
  return <ProfileForm profile={data} />;
}

function ProfileForm({ profile }: { profile: Profile }): ReactElement {
  const { t } = useTranslation(["settings", "matrix"]);
  const client = useClient();
  const userId = client.getSafeUserId();
  const [saved, setSaved] = useState(profile.displayname ?? "");
  const [name, setName] = useState(saved);
  const [picture, setPicture] = useState(profile.avatar_url);
  const [busy, setBusy] = useState<"name" | "picture" | null>(null);
  const src = useMediaUrl(picture, { width: 96, height: 96, method: "crop" });

  const run = async (what: "name" | "picture", work: () => Promise<void>): Promise<void> => {
    setBusy(what);
    try {
      await work();
      showToast(t("saved"));
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    }
    setBusy(null);
  };
  const changePicture = (file: File | null): Promise<void> =>
    run("picture", async () => {
      const mxc = file ? await uploadPicture(client, file) : "";
      await client.setAvatarUrl(mxc);
      setPicture(mxc || undefined);
    });
  const submit = (): void =>
    void run("name", async () => {
      await client.setDisplayName(name.trim());
      setSaved(name.trim());
    });

  return (
    <Form onSubmit={submit}>
      <div className={styles.face}>
        <PicturePicker
          label={t("picture")}
          chooseLabel={t("choosePicture")}
          removeLabel={t("removePicture")}
          present={Boolean(picture)}
          busy={busy === "picture"}
          onPick={(file) => void changePicture(file)}
          onRemove={() => void changePicture(null)}
        >
          <Avatar id={userId} name={saved || localPart(userId)} src={src} size={96} />
        </PicturePicker>
      </div>
      <TextField label={t("name")} hint={t("nameHint")} value={name} maxLength={100} autoComplete="name" onChange={(event) => setName(event.target.value)} />
      <div>
        <b className={styles.label}>{t("address")}</b>
        <p className={styles.code}>{userId}</p>
        <p className={styles.hint}>{t("addressHint")}</p>
      </div>
      <FormActions>
        <Button type="submit" variant="primary" disabled={name.trim() === saved} busy={busy === "name"}>
          {t("save")}
        </Button>
      </FormActions>
    </Form>
  );
}

function ProfileSkeleton(): ReactElement {
  return (
    <div className={styles.skeleton}>
      <Skeleton shape="circle" width={96} height={96} />
      <Skeleton width="20%" />
      <Skeleton shape="bubble" height={44} />
    </div>
  );
}
