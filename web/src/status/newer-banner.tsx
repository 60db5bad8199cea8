import { Button } from "@mantine/core";
import { useState } from "react";
import { newerVersion, viewVersion } from "../view.ts";

/** An address of a later version may say what this page does not understand; it must not pass for the whole. */
export function NewerBanner() {
  // Asked once: the page's own changes write an address of its own version.
  const [version, setVersion] = useState(() => newerVersion(location.search));
  if (version === undefined) return null;
  return (
    <div className="banner" role="status" data-testid="newer-address">
      <span>
        <b>This address is of a newer page</b> (version {version}; this one knows {viewVersion}). What it does
        not understand of it is shown as usual.
      </span>
      <Button size="compact-xs" variant="default" onClick={() => location.reload()}>
        Load again
      </Button>
      <Button size="compact-xs" onClick={() => setVersion(undefined)}>
        Understood
      </Button>
    </div>
  );
}
