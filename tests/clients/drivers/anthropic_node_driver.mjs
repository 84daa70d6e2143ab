// The @anthropic-ai/sdk package.
import Anthropic from "@anthropic-ai/sdk";
import { key, prompt, run } from "./contract.mjs";

await run(async ({ address, model, off }) => {
  const client = new Anthropic({ baseURL: address, apiKey: key, ...(off && { maxRetries: 0 }) });
  const answer = await client.messages.create({
    model,
    max_tokens: 100,
    messages: [{ role: "user", content: prompt }],
  });
  return answer.content[0].text;
});
