import { useLocalStorage, useReducedMotion } from "@mantine/hooks";

/** Whether the map moves by itself: the person's choice, else the system's. */
export function useMotion(): { moves: boolean; toggle: () => void } {
  const isReduced = useReducedMotion();
  const [chosen, setChosen] = useLocalStorage<"moves" | "still" | "">({
    key: "portolan-motion",
    defaultValue: "",
  });
  const moves = chosen === "" ? !isReduced : chosen === "moves";
  return { moves, toggle: () => setChosen(moves ? "still" : "moves") };
}
