// What the scripts have in common: pages as a list, and what a refusal says.

export async function listed(pages, name) {
  const all = [];
  for await (const one of pages) all.push(name(one));
  return all;
}

export async function refusal(promise, told) {
  try {
    await promise;
  } catch (error) {
    return told(error);
  }
}
