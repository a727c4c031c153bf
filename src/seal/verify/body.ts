/** A parsed body. */
export type Body = Readonly<Record<string, unknown>>;

/** Tells what is wrong with the record that is being looked at. */
export type Say = (kind: 'altered' | 'gap', text: string) => void;
