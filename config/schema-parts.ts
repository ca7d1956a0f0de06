/** What the schema is built from: values with a unit, a range or a default that recur. */
import { Type, type TSchema } from 'typebox';
import type { Default } from './defaults.ts';
import { durationPattern, percentPattern, positiveDurationPattern } from './units.ts';

/** The meaning of a key, and why its default is what it is: one text for the editor and for the reference page. */
export function explain(description: string, { value, why }: Default<unknown>): string {
  return `${description} Why ${typeof value === 'object' ? 'this default' : JSON.stringify(value).replaceAll('"', '')}: ${why}`;
}

export const Duration = (description: string, byDefault: Default<string>) =>
  Type.Optional(Type.String({ description: explain(description, byDefault), pattern: durationPattern, default: byDefault.value }));

export const PositiveDuration = (description: string, byDefault: Default<string>) =>
  Type.Optional(Type.String({ description: explain(description, byDefault), pattern: positiveDurationPattern, default: byDefault.value }));

export const Count = (description: string, minimum: number, maximum: number, byDefault: Default<number>) =>
  Type.Optional(Type.Integer({ description: explain(description, byDefault), minimum, maximum, default: byDefault.value }));

export const Flag = (description: string, byDefault: Default<boolean>) =>
  Type.Optional(Type.Boolean({ description: explain(description, byDefault), default: byDefault.value }));

export const Percent = (description: string, byDefault: Default<string>) =>
  Type.Optional(Type.String({ description: explain(description, byDefault), pattern: percentPattern, default: byDefault.value }));

/** One of a few words. */
export const Choice = <const W extends string>(words: readonly W[], description: string, byDefault: Default<NoInfer<W>>) =>
  Type.Optional(
    Type.Unsafe<W>(
      Type.Union(
        words.map((word) => Type.Literal(word)),
        { description: explain(description, byDefault), default: byDefault.value },
      ),
    ),
  );

export const closed = { additionalProperties: false } as const;

/** An object with names of the user's choice as keys. */
export const Named = <T extends TSchema>(
  keyPattern: string,
  value: T,
  options: { description: string; minProperties?: number; default?: object },
) => Type.Record(Type.String({ pattern: keyPattern }), value, { ...options, ...closed });
