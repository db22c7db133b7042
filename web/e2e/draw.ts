import type { Page } from "playwright-core";

/** Pictures for the scene, drawn on a canvas: no photo of anybody is needed to give people faces. */
export interface Look {
  skin: string;
  hair: string;
  style: "short" | "long" | "bun" | "curls" | "scarf" | "bald";
  shirt: string;
  back: string;
  glasses?: boolean;
  beard?: boolean;
}

export type Photo = "sunrise" | "seedlings" | "lake" | "market";

const png = (base64: string): Buffer => Buffer.from(base64, "base64");

/** A face, 256 pixels square. */
export async function drawFace(page: Page, look: Look): Promise<Buffer> {
  const base64 = await page.evaluate((face) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 256;
    const c = canvas.getContext("2d");
    if (!c) throw new Error("no canvas");
    const blob = (colour: string, x: number, y: number, rx: number, ry: number): void => {
      c.fillStyle = colour;
      c.beginPath();
      c.ellipse(x, y, rx, ry, 0, 0, Math.PI * 2);
      c.fill();
    };
    c.fillStyle = face.back;
    c.fillRect(0, 0, 256, 256);
    if (face.style === "long") {
      blob(face.hair, 128, 116, 74, 76);
      c.fillRect(54, 116, 148, 92);
    }
    if (face.style === "bun") blob(face.hair, 128, 42, 30, 27);
    if (face.style === "curls") for (const [x, y, r] of [[78, 92, 32], [96, 62, 32], [128, 52, 34], [160, 62, 32], [178, 92, 32], [70, 122, 26], [186, 122, 26]] as const) blob(face.hair, x, y, r, r);
    if (face.style === "scarf") {
      blob(face.hair, 128, 118, 76, 84);
      blob(face.hair, 128, 212, 86, 44);
    }
    blob(face.shirt, 128, 268, 102, 74);
    c.fillStyle = face.skin;
    c.fillRect(106, 160, 44, 46);
    blob(face.skin, 128, 206, 22, 16);
    if (face.style !== "scarf" && face.style !== "long") {
      blob(face.skin, 74, 126, 11, 16);
      blob(face.skin, 182, 126, 11, 16);
    }
    blob("rgb(0 0 0 / 0.1)", 128, 176, 30, 12);
    blob(face.skin, 128, 122, 55, 64);
    if (face.style === "short" || face.style === "long" || face.style === "bun") {
      c.fillStyle = face.hair;
      c.beginPath();
      c.ellipse(128, 106, 60, 58, 0, Math.PI, 0);
      c.quadraticCurveTo(176, 84, 134, 82);
      c.quadraticCurveTo(92, 84, 68, 108);
      c.fill();
    }
    if (face.style === "curls") for (const [x, y, r] of [[92, 82, 20], [112, 72, 20], [134, 70, 20], [156, 78, 20]] as const) blob(face.hair, x, y, r, r);
    if (face.style === "scarf") {
      c.fillStyle = face.hair;
      c.beginPath();
      c.ellipse(128, 112, 66, 70, 0, Math.PI, 0);
      c.quadraticCurveTo(180, 70, 128, 76);
      c.quadraticCurveTo(76, 70, 62, 112);
      c.fill();
    }
    if (face.beard) {
      c.fillStyle = face.hair;
      c.beginPath();
      c.ellipse(128, 130, 56, 60, 0, 0.12, Math.PI - 0.12);
      c.quadraticCurveTo(92, 146, 128, 142);
      c.quadraticCurveTo(164, 146, 183, 136);
      c.fill();
    }
    blob("#2a1f1a", 106, 122, 5.5, 6.5);
    blob("#2a1f1a", 150, 122, 5.5, 6.5);
    c.lineCap = "round";
    c.strokeStyle = "#2a1f1a";
    c.lineWidth = 4;
    for (const x of [106, 150]) {
      c.beginPath();
      c.moveTo(x - 10, 106);
      c.quadraticCurveTo(x, 100, x + 10, 106);
      c.stroke();
    }
    c.strokeStyle = face.beard ? "#fff" : "#8c3b34";
    c.lineWidth = 5;
    c.beginPath();
    c.moveTo(110, 152);
    c.quadraticCurveTo(128, 167, 146, 152);
    c.stroke();
    if (face.glasses) {
      c.strokeStyle = "#33302c";
      c.lineWidth = 4;
      for (const x of [106, 150]) {
        c.beginPath();
        c.ellipse(x, 122, 19, 17, 0, 0, Math.PI * 2);
        c.stroke();
      }
      c.beginPath();
      c.moveTo(125, 120);
      c.lineTo(131, 120);
      c.stroke();
    }
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  }, look);
  return png(base64);
}

/** A landscape, 1200 × 750. */
export async function drawPhoto(page: Page, photo: Photo): Promise<Buffer> {
  const base64 = await page.evaluate((kind) => {
    const w = 1200;
    const h = 750;
    const canvas = document.createElement("canvas");
    canvas.width = w;
    canvas.height = h;
    const c = canvas.getContext("2d");
    if (!c) throw new Error("no canvas");
    let seed = 7;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const sky = (...stops: string[]): void => {
      const gradient = c.createLinearGradient(0, 0, 0, h);
      stops.forEach((colour, i) => gradient.addColorStop(i / (stops.length - 1), colour));
      c.fillStyle = gradient;
      c.fillRect(0, 0, w, h);
    };
    const hills = (colour: string, base: number, height: number, wave: number): void => {
      c.fillStyle = colour;
      c.beginPath();
      c.moveTo(0, h);
      for (let x = 0; x <= w; x += 8) c.lineTo(x, base - height * (0.5 + 0.5 * Math.sin(x / wave + base)) - height * 0.3 * Math.sin(x / (wave * 0.37)));
      c.lineTo(w, h);
      c.fill();
    };
    const sun = (x: number, y: number, r: number, colour: string): void => {
      const glow = c.createRadialGradient(x, y, r * 0.4, x, y, r * 6);
      glow.addColorStop(0, colour);
      glow.addColorStop(1, "rgb(255 220 160 / 0)");
      c.fillStyle = glow;
      c.fillRect(0, 0, w, h);
      c.fillStyle = "#fff3d6";
      c.beginPath();
      c.arc(x, y, r, 0, Math.PI * 2);
      c.fill();
    };
    if (kind === "sunrise") {
      sky("#5b5f9b", "#b77f97", "#f2a971", "#f9d7a0");
      sun(860, 430, 46, "rgb(255 226 160 / 0.95)");
      hills("#7b6a92", 520, 90, 190);
      hills("#544f7d", 590, 70, 140);
      hills("#2f3257", 690, 60, 230);
      // The greenhouse: lit panes between dark bars.
      c.fillStyle = "rgb(255 214 140 / 0.78)";
      c.beginPath();
      c.moveTo(150, 660);
      c.lineTo(150, 520);
      c.lineTo(310, 430);
      c.lineTo(470, 520);
      c.lineTo(470, 660);
      c.fill();
      c.strokeStyle = "#2b2a49";
      c.lineWidth = 7;
      c.stroke();
      c.lineWidth = 4;
      c.beginPath();
      for (let x = 190; x < 470; x += 40) {
        c.moveTo(x, 660);
        c.lineTo(x, 520 - Math.max(0, 80 - Math.abs(310 - x) * 0.56));
      }
      for (const y of [520, 590]) {
        c.moveTo(150, y);
        c.lineTo(470, y);
      }
      c.stroke();
      c.fillStyle = "#3f6b4a";
      for (let x = 165; x < 460; x += 22) {
        c.beginPath();
        c.ellipse(x, 655, 14, 16 + random() * 26, 0, 0, Math.PI * 2);
        c.fill();
      }
      c.fillStyle = "#23264a";
      c.fillRect(0, 658, w, h);
    } else if (kind === "seedlings") {
      sky("#dfeccc", "#a9cf93", "#6f9f5f");
      c.fillStyle = "#5a3d2b";
      c.fillRect(0, 560, w, 200);
      for (let i = 0; i < 9; i++) {
        const x = 80 + i * 132 + random() * 24;
        const top = 300 + random() * 110;
        c.strokeStyle = "#3d7a3c";
        c.lineWidth = 14;
        c.beginPath();
        c.moveTo(x, 575);
        c.quadraticCurveTo(x + 18, 450, x + 4, top);
        c.stroke();
        c.fillStyle = ["#4f9a48", "#62ad55", "#3f8440"][i % 3] ?? "";
        for (const [dx, dy, turn] of [[-44, 20, 0.5], [46, 6, -0.5], [-32, -34, 0.9], [34, -44, -0.9]] as const) {
          c.beginPath();
          c.ellipse(x + dx, top + dy, 50, 20, turn, 0, Math.PI * 2);
          c.fill();
        }
      }
    } else if (kind === "lake") {
      sky("#8fc3e8", "#cfe6f2", "#f4efe2");
      hills("#7f9fb5", 420, 150, 160);
      hills("#56788f", 460, 90, 110);
      c.fillStyle = "#6ea7c4";
      c.fillRect(0, 460, w, 290);
      c.fillStyle = "rgb(255 255 255 / 0.35)";
      for (let i = 0; i < 60; i++) c.fillRect(random() * w, 470 + random() * 270, 30 + random() * 120, 3);
      hills("#3f6247", 740, 50, 210);
    } else {
      sky("#f7dfc3", "#f1c99a");
      for (let row = 0; row < 4; row++) {
        for (let i = 0; i < 16; i++) {
          c.fillStyle = ["#c8412b", "#e07a2f", "#e9b33f", "#5d8a45"][(row + (i >> 2)) % 4] ?? "";
          c.beginPath();
          c.arc(40 + i * 78 + (row % 2) * 36, 190 + row * 150, 54 + random() * 10, 0, Math.PI * 2);
          c.fill();
          c.fillStyle = "rgb(255 255 255 / 0.3)";
          c.beginPath();
          c.arc(24 + i * 78 + (row % 2) * 36, 168 + row * 150, 12, 0, Math.PI * 2);
          c.fill();
        }
      }
      for (let x = 0; x < w; x += 120) {
        c.fillStyle = (x / 120) % 2 ? "#fff8ee" : "#c94a32";
        c.beginPath();
        c.roundRect(x, -20, 120, 130, [0, 0, 60, 60]);
        c.fill();
      }
    }
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  }, photo);
  return png(base64);
}

/** A room's sign: a leaf, 256 pixels square. */
export async function drawLeaf(page: Page): Promise<Buffer> {
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 256;
    const c = canvas.getContext("2d");
    if (!c) throw new Error("no canvas");
    c.fillStyle = "#cfe8cd";
    c.fillRect(0, 0, 256, 256);
    c.fillStyle = "#3f8a52";
    c.beginPath();
    c.moveTo(62, 196);
    c.bezierCurveTo(40, 96, 120, 48, 206, 56);
    c.bezierCurveTo(212, 150, 156, 214, 62, 196);
    c.fill();
    c.strokeStyle = "#cfe8cd";
    c.lineCap = "round";
    c.lineWidth = 9;
    c.beginPath();
    c.moveTo(44, 214);
    c.quadraticCurveTo(100, 140, 168, 96);
    c.moveTo(98, 154);
    c.lineTo(98, 116);
    c.moveTo(122, 132);
    c.lineTo(164, 140);
    c.stroke();
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  });
  return png(base64);
}
