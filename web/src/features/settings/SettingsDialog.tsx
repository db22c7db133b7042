import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "@/components/classes";
import { Dialog } from "@/components/Dialog";
import { Icon } from "@/components/Icon";
import type { IconName } from "@/components/Icon";
import { currentRoute, navigate } from "@/matrix/routes";
import type { SettingsPage } from "@/matrix/routes";
import { AccountPage } from "./AccountPage";
import { AppearancePage } from "./AppearancePage";
import { DevicesPage } from "./DevicesPage";
import { ProfilePage } from "./ProfilePage";
import styles from "./settings.module.css";

const PAGES: [SettingsPage, IconName][] = [
  ["profile", "person"],
  ["appearance", "sun"],
  ["devices", "device"],
  ["account", "lock"],
];

export interface SettingsDialogProps {
  page: SettingsPage;
  onClose: () => void;
  onSignOut: () => void;
}

export function SettingsDialog({ page, onClose, onSignOut }: SettingsDialogProps): ReactElement {
  const { t } = useTranslation("settings");
  return (
    <Dialog open onClose={onClose} title={t("title")} size="lg" steady>
      <div className={styles.layout}>
        <nav className={styles.nav} aria-label={t("title")}>
          {PAGES.map(([name, icon]) => (
            <button
              key={name}
              type="button"
              className={classes(styles.tab, name === page && styles.tabOn)}
              aria-current={name === page ? "page" : undefined}
              onClick={() => navigate({ ...currentRoute(), overlay: { name: "settings", page: name } }, { replace: true })}
            >
              <Icon name={icon} size={18} />
              {t(`pages.${name}`)}
            </button>
          ))}
        </nav>
        <section className={styles.page} aria-label={t(`pages.${page}`)}>
          {page === "profile" && <ProfilePage />}
          {page === "appearance" && <AppearancePage />}
          {page === "devices" && <DevicesPage />}
          {page === "account" && <AccountPage onSignOut={onSignOut} />}
        </section>
      </div>
    </Dialog>
  );
}
