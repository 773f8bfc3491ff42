// Of several questions asked one after another, only the last one's answer counts. Pure: asks nothing itself.

// latest(ask)(...words) is ask(...words) with {stale: true} as answer, or in place of a failure, where another was asked since.
export function latest(ask) {
  let asked = 0;
  return async (...words) => {
    const mine = asked += 1;
    try {
      const answer = await ask(...words);
      return mine === asked ? {stale: false, answer} : {stale: true};
    } catch (error) {
      if (mine !== asked) return {stale: true};
      throw error;
    }
  };
}
