// The charger's stream of server-sent events, read by hand: the comments in between show that it lives.

// Calls `heard()` whenever something comes and `tell(members)` for each change of the status, until
// the stream ends or `signal` aborts it. Returns whether there was a place to listen.
export async function events(signal, heard, tell) {
  try {
    const answer = await fetch("/api/v1/events", { signal, cache: "no-store" });
    if (!answer.ok) return false;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard();
      const whole = (text + value).split("\n\n");
      text = whole.pop();
      for (const lines of whole.map((one) => one.split("\n"))) {
        if (lines.includes("event: status")) tell(JSON.parse(lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n")));
      }
    }
  } catch {
    // it is gone, or was let go
  }
  return true;
}
