import { MsgType } from "matrix-js-sdk";
import type { MatrixEvent, Room } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { useMediaUrl } from "@/matrix/media";
import { navigate } from "@/matrix/routes";
import styles from "./details.module.css";

const COUNT = 6;

/** The newest photos of what is loaded; pressing one shows it where it was said. */
export function Photos({ room }: { room: Room }): ReactElement | null {
  const { t } = useTranslation("details");
  const photos = room
    .getLiveTimeline()
    .getEvents()
    .filter((event) => event.getContent().msgtype === MsgType.Image && !event.isRedacted() && typeof event.getContent()["url"] === "string")
    .slice(-COUNT)
    .toReversed();
  if (photos.length === 0) return null;
  return (
    <section aria-label={t("media")}>
      <h3>{t("media")}</h3>
      <div className={styles.media}>
        {photos.map((event) => (
          <Photo key={event.getId()} room={room} event={event} />
        ))}
      </div>
    </section>
  );
}

function Photo({ room, event }: { room: Room; event: MatrixEvent }): ReactElement {
  const { t } = useTranslation("details");
  const src = useMediaUrl(event.getContent()["url"] as string, { width: 96, height: 96, method: "crop" });
  const name = room.getMember(event.getSender() ?? "")?.name ?? "";
  return (
    <button
      type="button"
      className={styles.photo}
      aria-label={t("showPhoto", { name })}
      onClick={() => navigate({ roomId: room.roomId, eventId: event.getId(), panel: "details" })}
    >
      {src && <img src={src} alt="" />}
    </button>
  );
}
