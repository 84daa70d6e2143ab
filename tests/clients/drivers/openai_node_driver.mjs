// The openai package.
import OpenAI from "openai";
import { key, prompt, run } from "./contract.mjs";

await run(async ({ address, model, off }) => {
  const client = new OpenAI({ baseURL: address, apiKey: key, ...(off && { maxRetries: 0 }) });
  const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content: prompt }] });
  return answer.choices[0].message.content;
});
