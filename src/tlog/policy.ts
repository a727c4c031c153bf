import { parseVerifier, type Verifier } from './note.ts';

/** Whom a verifier trusts (C2SP tlog-policy): logs, witnesses, and which witnesses together are enough. */
export interface TrustPolicy {
  readonly logs: readonly Verifier[];
  readonly witnesses: readonly Verifier[];
  /** False where the policy asks for no witness at all. */
  readonly needsWitnesses: boolean;
  /** Whether these witnesses, by vkey, are enough. */
  readonly quorum: (vkeys: ReadonlySet<string>) => boolean;
}

type Member = (vkeys: ReadonlySet<string>) => boolean;

/** Reads a policy file. Throws Error that names the line. */
export function parsePolicy(text: string): TrustPolicy {
  const logs: Verifier[] = [];
  const witnesses: Verifier[] = [];
  const members = new Map<string, Member>();
  const grouped = new Set<string>();
  let quorum: { readonly name: string; readonly test: Member } | undefined;

  const define = (name: string, member: Member): void => {
    if (name === '' || name === 'none' || members.has(name)) throw new Error(`the name "${name}" cannot be used here`);
    members.set(name, member);
  };
  const verifier = (vkey: string, type: Verifier['type'], others: readonly Verifier[]): Verifier => {
    const parsed = parseVerifier(vkey);
    if (parsed.type !== type) throw new Error(`a key for ${type === 'note' ? 'logs' : 'witnesses'} was expected`);
    const same = (other: Verifier): boolean => other.publicKey.equals(parsed.publicKey) && other.name === parsed.name;
    if (others.some(same)) throw new Error('this key is listed twice');
    return parsed;
  };
  const group = (name: string, threshold: string, names: readonly string[]): void => {
    const found = names.map(member => {
      const test = members.get(member);
      if (test === undefined || grouped.has(member)) throw new Error(`"${member}" is unknown, or in a group already`);
      grouped.add(member);
      return test;
    });
    const least = threshold === 'all' ? found.length : threshold === 'any' ? 1 : Number(threshold);
    if (!Number.isInteger(least) || least < 1 || least > found.length) throw new Error('the threshold does not fit');
    define(name, vkeys => found.filter(test => test(vkeys)).length >= least);
  };
  const read = (words: readonly string[]): void => {
    const [keyword, first = '', second = '', ...rest] = words;
    if (keyword === 'log') {
      logs.push(verifier(first, 'note', logs));
    } else if (keyword === 'witness') {
      const witness = verifier(second, 'cosignature', witnesses);
      witnesses.push(witness);
      define(first, vkeys => vkeys.has(witness.vkey));
    } else if (keyword === 'group') {
      group(first, second, rest);
    } else if (keyword === 'quorum' && quorum === undefined) {
      const test = first === 'none' ? (): boolean => true : members.get(first);
      if (test === undefined) throw new Error(`"${first}" is unknown`);
      quorum = { name: first, test };
    } else {
      throw new Error('this line is not understood');
    }
  };

  for (const [index, line] of text.split('\n').entries()) {
    const words = line.split(/[ \t]+/).filter(word => word !== '');
    if (words.length === 0 || words[0]?.startsWith('#') === true) continue;
    try {
      read(words);
    } catch (cause) {
      throw new Error(`line ${index + 1}: ${cause instanceof Error ? cause.message : 'not understood'}`, { cause });
    }
  }
  if (quorum === undefined) throw new Error('the policy has no quorum line');
  return { logs, witnesses, needsWitnesses: quorum.name !== 'none', quorum: quorum.test };
}

/** The policy that these keys make: any of the logs, and all of the witnesses. */
export function policyOf(logs: readonly Verifier[], witnesses: readonly Verifier[]): TrustPolicy {
  return {
    logs,
    witnesses,
    needsWitnesses: true,
    quorum: vkeys => witnesses.length > 0 && witnesses.every(({ vkey }) => vkeys.has(vkey)),
  };
}
