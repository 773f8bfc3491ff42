// Several pieces of work at once, waited for to the last.

// Their results in order. Throws the first failure, but only once none of them is under way: what is tried again then
// does not meet its own late answers.
export async function every(works) {
  const settled = await Promise.allSettled(works);
  const failed = settled.find(({status}) => status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return settled.map(({value}) => value);
}
