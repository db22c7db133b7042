import type { IMyDevice } from "matrix-js-sdk";
import { useCallback, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { agoOf } from "@/components/ago";
import { Button } from "@/components/Button";
import { Form, FormActions } from "@/components/Form";
import { Icon } from "@/components/Icon";
import { IconButton } from "@/components/IconButton";
import { SkeletonList } from "@/components/SkeletonList";
import { TextField } from "@/components/TextField";
import { showToast } from "@/components/Toast";
import { useLoad } from "@/components/useLoad";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { LoadFailure } from "@/matrix/LoadFailure";
import { PasswordDialog } from "./PasswordDialog";
import styles from "./settings.module.css";

/** Where the person is signed in. */
export function DevicesPage(): ReactElement {
  const { t } = useTranslation("settings");
  const client = useClient();
  const load = useCallback(() => client.getDevices(), [client]);
  const { retry, ...result } = useLoad(load);
  const { data } = result;
  const [leaving, setLeaving] = useState<IMyDevice | null>(null);
  if (result.state === "failed") return <LoadFailure error={result.error} onRetry={retry} />;
  if (!data) return <SkeletonList rows={2} size={40} />;
  const mine = data.devices.filter((device) => device.device_id === client.getDeviceId());
  const others = data.devices.filter((device) => device.device_id !== client.getDeviceId()).toSorted((a, b) => (b.last_seen_ts ?? 0) - (a.last_seen_ts ?? 0));
  return (
    <>
      <h3>{t("thisDevice")}</h3>
      <ul>
        {mine.map((device) => (
          <Device key={device.device_id} device={device} onRenamed={retry} />
        ))}
      </ul>
      <h3>{t("otherDevices")}</h3>
      {others.length === 0 && <p className={styles.hint}>{t("noOtherDevices")}</p>}
      <ul>
        {others.map((device) => (
          <Device key={device.device_id} device={device} onRenamed={retry} onSignOut={() => setLeaving(device)} />
        ))}
      </ul>
      {leaving && (
        <PasswordDialog
          title={t("signOutDeviceTitle", { name: deviceLabel(leaving, (id) => t("unnamedDevice", { id })) })}
          hint={t("signOutDeviceHint")}
          confirm={t("signOutDevice")}
          act={(auth) => client.deleteMultipleDevices([leaving.device_id], auth)}
          onDone={() => (setLeaving(null), retry())}
          onClose={() => setLeaving(null)}
        />
      )}
    </>
  );
}

interface DeviceProps {
  device: IMyDevice;
  onRenamed: () => void;
  onSignOut?: () => void;
}

function Device({ device, onRenamed, onSignOut }: DeviceProps): ReactElement {
  const { t, i18n } = useTranslation(["settings", "matrix"]);
  const client = useClient();
  const [renaming, setRenaming] = useState(false);
  const [busy, setBusy] = useState(false);
  const [name, setName] = useState(device.display_name ?? "");
  const label = deviceLabel(device, (id) => t("unnamedDevice", { id }));

  const rename = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    try {
      await client.setDeviceDetails(device.device_id, { display_name: name.trim() });
      setRenaming(false);
      onRenamed();
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    }
    setBusy(false);
  };

  return (
    <li className={styles.device}>
      <span className={styles.deviceIcon}>
        <Icon name={/Android|iOS|phone/i.test(label) ? "device" : "monitor"} />
      </span>
      {renaming ? (
        <div className={styles.rename}>
          <Form onSubmit={() => void rename()}>
            <TextField
              label={t("deviceName")}
              value={name}
              maxLength={100}
              // The field was opened to be written in.
              // eslint-disable-next-line jsx-a11y/no-autofocus -- see above
              autoFocus
              onChange={(event) => setName(event.target.value)}
            />
            <FormActions>
              <Button onClick={() => setRenaming(false)}>{t("cancel")}</Button>
              <Button type="submit" variant="primary" busy={busy}>
                {t("save")}
              </Button>
            </FormActions>
          </Form>
        </div>
      ) : (
        <>
          <div className={styles.deviceText}>
            <b>{label}</b>
            <p className={styles.hint}>{device.last_seen_ts ? t("lastSeen", { when: agoOf(device.last_seen_ts, i18n.language) }) : t("neverSeen")}</p>
          </div>
          <div className={styles.deviceActions}>
            <IconButton icon="edit" label={`${t("rename")}: ${label}`} tooltip={false} onClick={() => setRenaming(true)} />
            {onSignOut && (
              <Button variant="danger" aria-label={`${t("signOutDevice")}: ${label}`} onClick={onSignOut}>
                {t("signOutDevice")}
              </Button>
            )}
          </div>
        </>
      )}
    </li>
  );
}

function deviceLabel(device: IMyDevice, unnamed: (id: string) => string): string {
  return device.display_name || unnamed(device.device_id);
}
