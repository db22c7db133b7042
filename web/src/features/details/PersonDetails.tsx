import type { Room } from "matrix-js-sdk";
import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { agoOf } from "@/components/ago";
import { Button } from "@/components/Button";
import { ChoiceGroup } from "@/components/ChoiceGroup";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { IconButton } from "@/components/IconButton";
import { showToast } from "@/components/Toast";
import { PersonAvatar } from "@/matrix/avatars";
import { errorKey } from "@/matrix/http";
import { presenceOf } from "@/matrix/presence";
import { openDirect } from "@/matrix/rooms";
import { navigate } from "@/matrix/routes";
import styles from "./details.module.css";
import { powersOver, roleOf } from "./members";
import type { Role } from "./members";

type Question = { title: string; hint: string; confirm: string; run: () => Promise<unknown> };

const LEVELS = { member: 0, moderator: 50, admin: 100 } as const;
type Grant = keyof typeof LEVELS;

/** One person in a room: who they are, talking to them, and what a moderator may do. */
export function PersonDetails({ room, userId }: { room: Room; userId: string }): ReactElement {
  const { t, i18n } = useTranslation(["details", "matrix"]);
  const { client } = room;
  const [busy, setBusy] = useState(false);
  const [question, setQuestion] = useState<Question | null>(null);
  const member = room.getMember(userId);
  const user = client.getUser(userId);
  const name = member?.rawDisplayName || user?.displayName || userId;
  const isMe = userId === client.getUserId();
  const presence = isMe ? "online" : presenceOf(user);
  const seen = user?.getLastActiveTs() ?? 0;
  const powers = powersOver(room, userId);
  const known = roleOf(room, userId);
  const [wanted, setWanted] = useState<{ from: Role; to: Grant } | null>(null);
  // Shown at once; the room's word takes over when it comes.
  const role = wanted?.from === known ? wanted.to : known;
  const membership = member?.membership;

  const run = async (work: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      setWanted(null);
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    }
    setBusy(false);
    setQuestion(null);
  };
  const setRole = (next: Grant): void => {
    const change = () => client.setPowerLevel(room.roomId, userId, LEVELS[next]);
    if (isMe) setQuestion({ title: t("demoteTitle"), hint: t("demoteHint"), confirm: t("demoteConfirm"), run: change });
    else {
      setWanted({ from: known, to: next });
      void run(change);
    }
  };
  const grants = (Object.keys(LEVELS) as Grant[]).filter((grant) => LEVELS[grant] <= (powers.grant ?? -1));

  return (
    <div className={styles.panel}>
      <IconButton
        icon="back"
        label={t("backToRoom")}
        tooltip={false}
        className={styles.back ?? ""}
        onClick={() => navigate({ roomId: room.roomId, panel: "details" })}
      />
      <IconButton icon="close" label={t("close")} tooltip={false} className={styles.close ?? ""} onClick={() => navigate({ roomId: room.roomId })} />
      <div className={styles.top}>
        <PersonAvatar id={userId} name={name} mxc={member?.getMxcAvatarUrl() ?? user?.avatarUrl} size={76} presence={presence} />
        <h2 dir="auto">{name}</h2>
        <p className={styles.topic}>{userId}</p>
        <p className={styles.topic}>
          {[
            presence === "offline" && seen > 0 ? t("lastSeen", { when: agoOf(seen, i18n.language) }) : t(`status.${presence}`),
            role !== "member" && t(`role.${role}`),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
      <div className={styles.stack}>
        {!isMe && (
          <Button variant="primary" icon="chat" busy={busy} onClick={() => void run(async () => navigate({ roomId: await openDirect(client, userId) }))}>
            {t("message")}
          </Button>
        )}
        {membership === "join" && grants.length > 1 && role !== "owner" && (
          <ChoiceGroup label={t("changeRole")} value={role} onChange={(next) => setRole(next as Grant)} choices={grants.map((value) => ({ value, label: t(`role.${value}`) }))} />
        )}
        {powers.remove && membership === "invite" && (
          <Button icon="close" onClick={() => void run(() => client.kick(room.roomId, userId))}>
            {t("cancelInvite")}
          </Button>
        )}
        {powers.remove && membership === "join" && (
          <Button
            icon="logout"
            variant="danger"
            onClick={() => setQuestion({ title: t("removeTitle", { name }), hint: t("removeHint"), confirm: t("removeConfirm"), run: () => client.kick(room.roomId, userId) })}
          >
            {t("remove")}
          </Button>
        )}
        {powers.ban && membership !== "ban" && (
          <Button
            icon="ban"
            variant="danger"
            onClick={() => setQuestion({ title: t("banTitle", { name }), hint: t("banHint"), confirm: t("banConfirm"), run: () => client.ban(room.roomId, userId) })}
          >
            {t("ban")}
          </Button>
        )}
        {powers.ban && membership === "ban" && (
          <Button icon="check" onClick={() => void run(() => client.unban(room.roomId, userId))}>
            {t("unban")}
          </Button>
        )}
      </div>
      {question && (
        <ConfirmDialog
          open
          danger
          title={question.title}
          confirm={question.confirm}
          cancel={t("cancel")}
          onConfirm={() => run(question.run)}
          onClose={() => setQuestion(null)}
        >
          {question.hint}
        </ConfirmDialog>
      )}
    </div>
  );
}
