// The ai package (AI SDK) with @ai-sdk/openai-compatible.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";
import { key, prompt, run } from "./contract.mjs";

await run(async ({ address, model, off }) => {
  const provider = createOpenAICompatible({ name: "gateway", baseURL: address, apiKey: key });
  const answer = await generateText({ model: provider(model), prompt, ...(off && { maxRetries: 0 }) });
  return answer.text;
});
