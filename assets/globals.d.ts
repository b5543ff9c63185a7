// deno-lint-ignore-file no-explicit-any
/* What scripts outside the modules define, for the type check alone: no page loads this file. */

export {};

declare global {
  /** Plotly's library, and its graphs, traces, layouts and events. */
  type Plotly = any;
  /** Properties of Dash's components, and what its callbacks pass on. */
  type DashProps = any;

  var Plotly: Plotly;
  var React: {
    createElement(type: string, props: Record<string, unknown> | null, ...children: unknown[]): object;
  };
  var dash_clientside: {
    set_props(id: string, props: Record<string, DashProps>): void;
    callback_context: { triggered: { prop_id: string }[] };
    lamella: Record<string, (...values: DashProps[]) => void>;
  };
  /** Functions that draw parts of DMC's components. */
  var dashMantineFunctions: Record<string, (payload: DashProps) => object | null> | undefined;
  /** Parts of the page, for tests in a browser. */
  var lamella: Record<string, object>;
}
