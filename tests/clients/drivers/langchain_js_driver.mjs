// The @langchain/openai package.
import { ChatOpenAI } from "@langchain/openai";
import { key, prompt, run } from "./contract.mjs";

await run(async ({ address, model, off }) => {
  const chat = new ChatOpenAI({
    model,
    apiKey: key,
    configuration: { baseURL: address },
    ...(off && { maxRetries: 0 }),
  });
  return (await chat.invoke(prompt)).text;
});
