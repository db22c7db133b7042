import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { ChoiceGroup } from "@/components/ChoiceGroup";
import { setTheme, useTheme } from "@/components/theme";
import styles from "./settings.module.css";

export function AppearancePage(): ReactElement {
  const { t } = useTranslation("settings");
  return (
    <>
      <ChoiceGroup
        inline
        label={t("theme")}
        value={useTheme()}
        onChange={setTheme}
        choices={[
          { value: "system", label: t("themes.system"), icon: "monitor" },
          { value: "light", label: t("themes.light"), icon: "sun" },
          { value: "dark", label: t("themes.dark"), icon: "moon" },
        ]}
      />
      <p className={styles.hint}>{t("themeHint")}</p>
    </>
  );
}
