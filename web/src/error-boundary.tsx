import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";

/** Keeps the rest of the page when one part of it can not be drawn. React offers this to classes only. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="broken" role="alert" data-testid="broken">
        <b>This part of the page could not be drawn.</b>
        <code>{error.message}</code>
        <Button size="xs" variant="default" onClick={() => this.setState({ error: undefined })}>
          Try again
        </Button>
      </div>
    );
  }
}
