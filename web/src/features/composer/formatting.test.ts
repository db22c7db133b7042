import { describe, expect, it } from "vitest";
import { linkSelection, toggleSign } from "./formatting";
import { pastedFiles } from "./useFiles";

describe("toggleSign", () => {
  it.each([
    ["make bold", 5, 9, "**", "make **bold**", 7, 11],
    ["make **bold**", 7, 11, "**", "make bold", 5, 9],
    ["make **bold**", 7, 11, "*", "make ***bold***", 8, 12],
    ["make *soft*", 6, 10, "*", "make soft", 5, 9],
    ["", 0, 0, "`", "``", 1, 1],
  ])("%j [%i, %i] with %s becomes %j", (text, start, end, sign, after, from, to) => {
    expect(toggleSign({ text, start, end }, sign)).toEqual({ text: after, start: from, end: to });
  });
});

describe("linkSelection", () => {
  it("makes selected words the link's text", () => {
    expect(linkSelection({ text: "see the plan", start: 4, end: 12 }, " https://a.example/x\n")).toEqual({ text: "see [the plan](https://a.example/x)", start: 35, end: 35 });
  });
  it.each([
    ["see", 3, 3, "https://a.example"],
    ["see", 0, 3, "not an address"],
    ["https://b.example", 0, 17, "https://a.example"],
  ])("leaves %j [%i, %i] to an ordinary paste of %j", (text, start, end, pasted) => {
    expect(linkSelection({ text, start, end }, pasted)).toBeUndefined();
  });
});

describe("pastedFiles", () => {
  const file = new File(["x"], "image.png", { type: "image/png" });
  const clipboard = (types: string[]) => ({ files: [file], types }) as unknown as DataTransfer;
  it.each([[["Files"]], [["text/html", "Files"]], [["text/plain", "Files"]]])("takes the picture of %j", (types) => {
    expect(pastedFiles(clipboard(types))).toEqual([file]);
  });
  it.each([[["text/plain", "text/html", "Files"]], [["text/rtf", "Files"]]])("wants the words of %j", (types) => {
    expect(pastedFiles(clipboard(types))).toEqual([]);
  });
});
