import { render } from "@testing-library/react";
import type { RenderResult } from "@testing-library/react";
import type { MatrixClient } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { TooltipProvider } from "@/components/Tooltip";
import { ClientProvider } from "@/matrix/ClientProvider";

/** Renders a view as the app would: with tooltips and, where given, a client. */
export function renderView(view: ReactElement, client?: MatrixClient): RenderResult {
  return render(<TooltipProvider>{client ? <ClientProvider client={client}>{view}</ClientProvider> : view}</TooltipProvider>);
}
