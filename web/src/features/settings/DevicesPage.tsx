import type { IMyDevice } from "matrix-js-sdk";
import { useCallback, useState } from "react";
import type { FormEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { agoOf } from "@/components/ago";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Skeleton } from "@/components/Skeleton";
import { TextField } from "@/components/TextField";
import { showToast } from "@/components/Toast";
import { useLoad } from "@/components/useLoad";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { PasswordDialog } from "./PasswordDialog";
import styles from "./settings.module.css";

/** Where the person is signed in. */
export function DevicesPage(): ReactElement {
  const { t } = useTranslation(["settings", "matrix"]);
  const client = useClient();
  const load = useCallback(() => client.getDevices(), [client]);
  const { state, data, retry, ...rest } = useLoad(load);
  const [leaving, setLeaving] = useState<IMyDevice | null>(null);
  if (state === "failed") {
    return (
      <div className={styles.note} role="alert">
        <p>{t(errorKey("error" in rest ? rest.error : null), { ns: "matrix" })}</p>
        <Button onClick={retry}>{t("retry")}</Button>
      </div>
    );
  }
  if (!data) return <Skeleton height={64} shape="bubble" />;
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
  const [name, setName] = useState(device.display_name ?? "");
  const label = deviceLabel(device, (id) => t("unnamedDevice", { id }));

  const rename = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      await client.setDeviceDetails(device.device_id, { display_name: name.trim() });
      setRenaming(false);
      onRenamed();
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    }
  };

  return (
    <li className={styles.device}>
      <span className={styles.deviceIcon}>
        <Icon name={/Android|iOS|phone/i.test(label) ? "device" : "monitor"} />
      </span>
      {renaming ? (
        <form className={styles.rename} onSubmit={(event) => void rename(event)}>
          <TextField label={t("deviceName")} value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />
          <div className={styles.actions}>
            <Button onClick={() => setRenaming(false)}>{t("cancel")}</Button>
            <Button type="submit" variant="primary">
              {t("save")}
            </Button>
          </div>
        </form>
      ) : (
        <>
          <div className={styles.deviceText}>
            <b>{label}</b>
            <p className={styles.hint}>{device.last_seen_ts ? t("lastSeen", { when: agoOf(device.last_seen_ts, i18n.language) }) : t("neverSeen")}</p>
          </div>
          <div className={styles.deviceActions}>
            <Button variant="plain" aria-label={`${t("rename")}: ${label}`} onClick={() => setRenaming(true)}>
              {t("rename")}
            </Button>
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
