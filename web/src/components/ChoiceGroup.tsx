import { useId } from "react";
import type { ReactElement } from "react";
import styles from "./ChoiceGroup.module.css";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";

export interface ChoiceGroupProps<T extends string> {
  label: string;
  value: T;
  choices: { value: T; label: string; icon?: IconName }[];
  onChange: (value: T) => void;
  /** Beside each other instead of below. */
  inline?: boolean;
}

/** One of a few: native radio buttons, drawn as cards. */
export function ChoiceGroup<T extends string>({ label, value, choices, onChange, inline = false }: ChoiceGroupProps<T>): ReactElement {
  const name = useId();
  return (
    <fieldset className={styles.group}>
      <legend>{label}</legend>
      <div className={inline ? styles.inline : styles.choices}>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.choice}>
            <input type="radio" name={name} checked={choice.value === value} onChange={() => onChange(choice.value)} />
            {choice.icon && <Icon name={choice.icon} size={18} />}
            <span>{choice.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
