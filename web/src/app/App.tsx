import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { ToastRegion } from "@/components/Toast";
import { TooltipProvider } from "@/components/Tooltip";

export function App(): ReactElement {
  const { t } = useTranslation("app");
  return (
    <TooltipProvider>
      <p>{t("loading")}</p>
      <ToastRegion />
    </TooltipProvider>
  );
}
