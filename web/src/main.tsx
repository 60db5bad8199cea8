import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import "./mantine.css";
import "./app.css";
import { App } from "./app.tsx";
import { retriesUnanswered, retryPause } from "./data/retry.ts";
import { TopologyStore } from "./data/topology-store.ts";
import { exposeForTests } from "./test-hooks.ts";
import { theme } from "./theme.ts";

const store = new TopologyStore();
const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: retriesUnanswered, retryDelay: retryPause } },
});
exposeForTests(store);

// Variables and classes come from mantine.css, not from style elements, so `style-src 'self'` holds.
createRoot(document.getElementById("root")!).render(
  <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
    <QueryClientProvider client={queryClient}>
      <App store={store} />
    </QueryClientProvider>
  </MantineProvider>,
);
