/** A lived-in server, made over the public API: for the pictures of the documentation and for looking at the design. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { hueOf } from "../src/components/hue";
import { drawFace, drawLeaf, drawPhoto } from "./draw";
import type { Look, Photo } from "./draw";
import { api, launch, register, roomOf, say } from "./people";
import type { Account } from "./people";

/** The scene's "now": what was said is spread over the days before. */
export const NOW = Date.UTC(2026, 3, 14, 14, 32);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const PEOPLE = {
  lena: ["Lena Maier", { skin: "#f3c9a8", hair: "#7b4a2d", style: "bun", shirt: "#d9542f" }],
  ada: ["Ada Okafor", { skin: "#8a5a3c", hair: "#231815", style: "curls", shirt: "#5b57b8" }],
  noor: ["Noor Rahman", { skin: "#d9a57c", hair: "#2f7f86", style: "scarf", shirt: "#2f7f86" }],
  tomas: ["Tomás Brandt", { skin: "#f0c39d", hair: "#5b3a24", style: "short", shirt: "#a93c45", beard: true }],
  ilse: ["Ilse Vermeer", { skin: "#f6d5b9", hair: "#dca84c", style: "long", shirt: "#8a6f1d", glasses: true }],
  jun: ["Jun Park", { skin: "#f1cba6", hair: "#1d1b1c", style: "short", shirt: "#28669c" }],
  sana: ["Sana Khan", { skin: "#c98f66", hair: "#35201a", style: "long", shirt: "#8c3f86" }],
  henrik: ["Henrik Moe", { skin: "#f2caa6", hair: "#9d9a95", style: "bald", shirt: "#5f7a2c", glasses: true, beard: true }],
} satisfies Record<string, [string, Omit<Look, "back">]>;
export type Name = keyof typeof PEOPLE;

// Without faces: initials belong to the picture as well.
const OTHERS = ["Mira Costa", "Ole Lund", "Priya Nair", "Quentin Roy", "Rosa Díaz", "Sven Holm", "Tariq Aziz", "Uma Joshi", "Vera Novak", "Wim de Boer", "Xenia Popov", "Yuki Mori", "Zoe Martin", "Bela Nagy", "Cleo Lind", "Dario Conti"];

export interface Scene {
  url: string;
  people: Record<Name, Account>;
  rooms: Record<"garden" | "ada" | "release" | "tomas" | "neighbours" | "sana" | "books" | "henrik" | "announcements", string> & Partial<Record<"strain" | "empty" | "invited", string>>;
  /** When each event is to have happened. */
  times: Record<string, number>;
}

/** Makes the people, rooms and messages. Lena is the one looking. `strain` adds what breaks layouts. */
export async function buildScene(url: string, { strain = false } = {}): Promise<Scene> {
  const browser = await launch();
  const page = await browser.newPage();
  try {
    return await new Builder(url, page).build(strain);
  } finally {
    await browser.close();
  }
}

class Builder {
  private readonly times: Record<string, number> = {};
  private people = {} as Record<Name, Account>;

  constructor(
    private readonly url: string,
    private readonly page: Page,
  ) {}

  async build(withStrain: boolean): Promise<Scene> {
    for (const [name, [displayName, look]] of Object.entries(PEOPLE) as [Name, [string, Omit<Look, "back">]][]) {
      const account = await register(this.url, name, displayName);
      this.people[name] = account;
      const mxc = await upload(this.url, account, await drawFace(this.page, { ...look, back: `oklch(89% 0.06 ${hueOf(account.userId)})` }), `${name}.png`);
      await api(this.url, "PUT", `/profile/${encodeURIComponent(account.userId)}/avatar_url`, account.token, { avatar_url: mxc });
    }
    const others: Account[] = [];
    for (const [i, displayName] of OTHERS.entries()) others.push(await register(this.url, `other${i}`, displayName));
    const { lena, ada, noor, tomas, ilse, jun, sana, henrik } = this.people;

    const strain = withStrain ? await this.strainRooms() : {};
    const announcements = await this.room(henrik, [lena, ada, noor, tomas], "Announcements", 6 * DAY + 3 * 60 * MINUTE);
    await this.read(announcements, lena, await this.say(announcements, henrik, "Maintenance on Sunday, 02:00–02:05", 6 * DAY));
    const henriks = await this.direct(lena, henrik, 5 * DAY + 60 * MINUTE);
    await this.say(henriks, lena, "The ladder is back in your shed. Thank you!", 5 * DAY + 4 * MINUTE);
    await this.read(henriks, lena, await this.say(henriks, henrik, "Takk! 🙏", 5 * DAY));
    const books = await this.room(sana, [lena, ilse, jun, noor], "Book club", 5 * DAY);
    await this.say(books, sana, "What do we read in May?", 4 * DAY + 6 * MINUTE);
    await this.read(books, lena, await this.say(books, ilse, "Something short, please", 4 * DAY));
    const sanas = await this.direct(lena, sana, 4 * DAY);
    await this.read(sanas, lena, await this.say(sanas, sana, "Did the landlord answer about the lease?", 3 * DAY + 90 * MINUTE));
    const neighbours = await this.room(ilse, [lena, henrik, tomas, ...others.slice(0, 9)], "Neighbourhood", 3 * DAY);
    await this.read(neighbours, lena, await this.say(neighbours, henrik, "The bins are out early this week", 26 * 60 * MINUTE));
    for (let i = 0; i < 13; i++) await this.say(neighbours, [ilse, henrik, tomas][i % 3] as Account, `Anybody seen a grey cat? (${i + 1})`, 300 * MINUTE - i * 4 * MINUTE);
    await this.say(neighbours, ilse, "The bakery reopens on Monday", 207 * MINUTE);
    const tomass = await this.direct(lena, tomas, 2 * DAY);
    await this.say(tomass, tomas, "Platform 4, ten to nine", 115 * MINUTE);
    await this.say(tomass, lena, "See you at the station 🚉", 111 * MINUTE);
    const release = await this.room(jun, [lena, ada, sana], "Release party", 2 * DAY);
    await this.read(release, lena, await this.say(release, sana, "Food is ordered", 60 * MINUTE));
    await this.say(release, jun, "Lena Maier can you bring the speakers?", 34 * MINUTE, { "m.mentions": { user_ids: [lena.userId] } });
    const adas = await this.direct(lena, ada, 2 * DAY);
    await this.read(adas, lena, await this.say(adas, lena, "How was the market?", 40 * MINUTE));
    await this.photo(adas, ada, "market", "", 13 * MINUTE);
    await this.say(adas, ada, "Packed! I kept you a box of plums.", 12 * MINUTE);
    const garden = await this.garden(others);
    for (const roomId of [garden, adas]) await api(this.url, "PUT", `/user/${encodeURIComponent(lena.userId)}/rooms/${encodeURIComponent(roomId)}/tags/m.favourite`, lena.token, { order: 0.5 });
    await api(this.url, "PUT", `/user/${encodeURIComponent(lena.userId)}/account_data/m.direct`, lena.token, {
      [henrik.userId]: [henriks],
      [sana.userId]: [sanas],
      [tomas.userId]: [tomass],
      [ada.userId]: [adas],
    });
    const rooms = { garden, ada: adas, release, tomas: tomass, neighbours, sana: sanas, books, henrik: henriks, announcements, ...strain };
    return { url: this.url, people: this.people, rooms, times: this.times };
  }

  /** The room of the pictures: everything a conversation can hold. */
  private async garden(others: readonly Account[]): Promise<string> {
    const { lena, ada, noor, tomas, ilse, henrik, jun } = this.people;
    const roomId = await this.room(ada, [noor, tomas, ilse, lena], "Garden collective", 20 * DAY);
    const state = (type: string, content: object): Promise<unknown> => api(this.url, "PUT", `/rooms/${encodeURIComponent(roomId)}/state/${type}`, ada.token, content);
    await state("m.room.topic", { topic: "Plots, seeds and Saturdays behind the old mill" });
    await state("m.room.avatar", { url: await upload(this.url, ada, await drawLeaf(this.page), "leaf.png") });
    await state("m.room.power_levels", { users: { [tomas.userId]: 50 }, invite: 0 });
    await this.spread(roomId, 20 * DAY);
    const days = (count: number, minutes = 0): number => count * DAY + minutes * MINUTE;
    await this.photo(roomId, tomas, "lake", "", days(3, 40));
    await this.photo(roomId, noor, "seedlings", "Forty of them. Who has windowsills?", days(3, 8));
    await this.say(roomId, ilse, "I take ten!", days(3, 6));
    for (const other of [henrik, jun, ...others.slice(0, 16)]) {
      await api(this.url, "POST", `/rooms/${encodeURIComponent(roomId)}/invite`, ada.token, { user_id: other.userId });
      await api(this.url, "POST", `/join/${encodeURIComponent(roomId)}`, other.token, {});
    }
    await this.spread(roomId, days(2, 300));
    await this.say(roomId, henrik, "The frost warning is lifted from Thursday on. Covers can come off in the morning.", days(1, 70));
    await this.say(roomId, jun, "🌱🌱🌱", days(1, 65));
    const light = await this.photo(roomId, ada, "sunrise", "First light over the greenhouse. The tomatoes made it through the frost!", 320 * MINUTE);
    for (const [key, who] of [["🍅", [lena, noor, tomas, ilse, henrik]], ["❤️", [noor, jun, ada]], ["🎉", [tomas, ilse]]] as [string, Account[]][]) {
      for (const one of who) await this.react(roomId, one, light, key);
    }
    await this.say(roomId, lena, "That is the best news of the week. Shall we plan the spring beds on Saturday?", 317 * MINUTE, { "m.relates_to": { "m.in_reply_to": { event_id: light } } });
    const mine = await this.say(roomId, lena, "I can bring the seed lst.", 317 * MINUTE);
    await this.say(roomId, lena, "* I can bring the seed list.", 316 * MINUTE, { "m.new_content": { msgtype: "m.text", body: "I can bring the seed list." }, "m.relates_to": { rel_type: "m.replace", event_id: mine } });
    for (const one of [ada, ilse, henrik]) await this.read(roomId, one, mine);
    await this.read(roomId, lena, mine);
    await this.say(roomId, tomas, "Saturday works. @Lena Maier the watering controller runs now, this is all it needs:\n\nevery(day).at(\"06:30\").water(beds, minutes: 12)", 2 * MINUTE, {
      format: "org.matrix.custom.html",
      formatted_body: `Saturday works. <a href="https://matrix.to/#/${encodeURIComponent(lena.userId)}">Lena Maier</a> the watering controller runs now, this is all it needs:<pre><code>every(day).at("06:30").water(beds, minutes: 12)</code></pre>`,
      "m.mentions": { user_ids: [lena.userId] },
    });
    const gate = await this.say(roomId, tomas, "Ten o'clock at the gate?", MINUTE);
    await this.react(roomId, ilse, gate, "👍");
    for (const one of [noor, tomas]) await this.read(roomId, one, gate);
    return roomId;
  }

  /** An invitation, a room without a message, and one full of what breaks layouts. */
  private async strainRooms(): Promise<Record<"strain" | "empty" | "invited", string>> {
    const { lena, ada, henrik } = this.people;
    const invited = await roomOf(this.url, henrik, [], "Wind & weather");
    await api(this.url, "POST", `/rooms/${encodeURIComponent(invited)}/invite`, henrik.token, { user_id: lena.userId });
    const strain = await this.room(lena, [ada], `${"Extraordinarily long room names happen ".repeat(3)}Donaudampfschifffahrtsgesellschaftskapitänsmütze`, 9 * DAY);
    await this.strain(strain);
    const empty = await roomOf(this.url, lena, [], "Seed swap");
    await this.spread(empty, 8 * DAY);
    return { strain, empty, invited };
  }

  /** Long words, long names, walls of text, right-to-left. */
  private async strain(roomId: string): Promise<void> {
    const { ada, lena } = this.people;
    const at = 8 * DAY;
    await this.say(roomId, ada, "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz".repeat(3), at);
    await this.say(roomId, ada, `https://example.org/${"a-very-long-path/".repeat(12)}`, at - MINUTE);
    await this.say(roomId, lena, "مرحبا بالجميع، هذا نص من اليمين إلى اليسار مع رقم 12345", at - 2 * MINUTE);
    await this.say(roomId, lena, "Words and more words. ".repeat(60), at - 3 * MINUTE);
    await this.say(roomId, ada, "👩‍🌾🍅", at - 4 * MINUTE);
    const said = await this.say(roomId, lena, "ok", at - 5 * MINUTE);
    for (const key of ["👍", "😀", "🎉", "🍅", "❤️", "🚉", "🌱", "a-very-long-reaction-in-words"]) await this.react(roomId, ada, said, key);
    const gone = await this.say(roomId, ada, "to be removed", at - 6 * MINUTE);
    await api(this.url, "PUT", `/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(gone)}/r1`, ada.token, {});
  }

  private async room(owner: Account, others: readonly Account[], name: string, ago: number): Promise<string> {
    const roomId = await roomOf(this.url, owner, others, name);
    await this.spread(roomId, ago);
    return roomId;
  }

  private async direct(one: Account, other: Account, ago: number): Promise<string> {
    const { room_id } = await api<{ room_id: string }>(this.url, "POST", "/createRoom", one.token, { preset: "trusted_private_chat", is_direct: true, invite: [other.userId] });
    await api(this.url, "POST", `/join/${encodeURIComponent(room_id)}`, other.token, {});
    await this.spread(room_id, ago);
    return room_id;
  }

  /** Gives every event of the room that has no time yet this one. */
  private async spread(roomId: string, ago: number): Promise<void> {
    const { people } = this;
    for (const { token } of Object.values(people)) {
      const answer = await fetch(`${this.url}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`, { headers: { Authorization: `Bearer ${token}` } });
      if (!answer.ok) continue;
      const { chunk } = (await answer.json()) as { chunk: { event_id: string }[] };
      chunk.forEach(({ event_id }, i) => (this.times[event_id] ??= NOW - ago - i));
    }
  }

  private async say(roomId: string, who: Account, body: string, ago: number, extra: object = {}): Promise<string> {
    const id = await say(this.url, who, roomId, body, extra);
    this.times[id] = NOW - ago;
    return id;
  }

  private async photo(roomId: string, who: Account, kind: Photo, caption: string, ago: number): Promise<string> {
    const file = await drawPhoto(this.page, kind);
    const url = await upload(this.url, who, file, `${kind}.png`);
    const filename = `${kind}.png`;
    return this.say(roomId, who, caption || filename, ago, { msgtype: "m.image", url, ...(caption ? { filename } : {}), info: { w: 1200, h: 750, mimetype: "image/png", size: file.length } });
  }

  private async react(roomId: string, who: Account, event: string, key: string): Promise<void> {
    const path = `/rooms/${encodeURIComponent(roomId)}/send/m.reaction/${who.name}${event.slice(1, 12)}${encodeURIComponent(key)}`;
    await api(this.url, "PUT", path, who.token, { "m.relates_to": { rel_type: "m.annotation", event_id: event, key } });
  }

  private async read(roomId: string, who: Account, event: string): Promise<void> {
    await api(this.url, "POST", `/rooms/${encodeURIComponent(roomId)}/read_markers`, who.token, { "m.fully_read": event, "m.read": event });
  }
}

async function upload(url: string, who: Account, file: Buffer, name: string): Promise<string> {
  const answer = await fetch(`${url}/_matrix/media/v3/upload?filename=${name}`, {
    method: "POST",
    headers: { "Content-Type": "image/png", Authorization: `Bearer ${who.token}` },
    body: new Uint8Array(file),
  });
  if (!answer.ok) throw new Error(`upload: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { content_uri: string }).content_uri;
}

/** Lets people be there: some online, one away, Noor writing. Holds for some seconds; call it before each picture. */
export async function enliven({ url, people, rooms }: Scene): Promise<void> {
  const presence = { ada: "online", noor: "online", ilse: "online", jun: "online", tomas: "unavailable" } as const;
  for (const [name, value] of Object.entries(presence) as [Name, string][]) {
    await api(url, "PUT", `/presence/${encodeURIComponent(people[name].userId)}/status`, people[name].token, { presence: value });
  }
  await api(url, "PUT", `/rooms/${encodeURIComponent(rooms.garden)}/typing/${encodeURIComponent(people.noor.userId)}`, people.noor.token, { typing: true, timeout: 30_000 });
}

/** A browser in which the scene's times hold: the clock stands at NOW, and events happened when `times` says. */
export async function sceneContext(browser: Browser, scene: Scene, options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(30_000);
  await context.clock.setFixedTime(NOW);
  await context.route(/\/_matrix\/client\/[^?]*\/(sync|messages|context|event|members|relations)\b/, async (route) => {
    // A sync that waits ends when the picture is taken.
    const answer = await route.fetch({ timeout: 0 }).catch(() => null);
    if (!answer) return;
    const body = JSON.parse(await answer.text(), (_key, value: unknown) => {
      const event = value as { event_id?: string; origin_server_ts?: number } | null;
      if (typeof event === "object" && event?.event_id && scene.times[event.event_id]) event.origin_server_ts = scene.times[event.event_id] ?? 0;
      return value;
    }) as unknown;
    await route.fulfill({ response: answer, body: JSON.stringify(body) }).catch(() => {});
  });
  return context;
}

/** Signs a person in by putting the session where the client keeps it. */
export async function signInAs(context: BrowserContext, who: Account): Promise<void> {
  const session = JSON.stringify({ userId: who.userId, deviceId: who.deviceId, accessToken: who.token });
  await context.addInitScript(`localStorage.getItem("chatbook.session") ?? localStorage.setItem("chatbook.session", ${JSON.stringify(session)})`);
}
