// What every JavaScript driver does: the same as contract.py.
export const key = "unused";
export const prompt = "Say hello.";

export async function run(ask) {
  const [address, model, retries] = process.argv.slice(2);
  const began = performance.now();
  let outcome;
  try {
    outcome = { ok: true, text: await ask({ address, model, off: retries === "off" }) };
  } catch (error) {
    outcome = { ok: false, error: error.message };
  }
  console.log(JSON.stringify({ ...outcome, seconds: (performance.now() - began) / 1000 }));
}
