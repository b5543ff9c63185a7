// deno-lint-ignore-file no-explicit-any
/* What scripts outside the modules define, for the type check alone: no page loads this file. */

import type { Stage } from './ui/pipeline.mjs';

declare global {
  /** Plotly's library, and its graphs, traces, layouts and events. */
  type Plotly = any;
  /** Properties of Dash's components, and what its callbacks pass on. */
  type DashProps = any;

  /** The server's configuration, see dashboard/web/page/layout.py. */
  interface PageConfig {
    /** The page's own path. */
    prefix: string;
    /** Whether the server asks for sign-in. */
    signsIn: boolean;
    /** The most cells of a picture at rest. */
    restCells: number;
    /** In ms. */
    restDelay: number;
    /** The longest time from one poll of an idle page to the next, in ms. */
    idlePoll: number;
    stages: Stage[];
    /** What a desktop viewer takes for all of them. */
    wholeReference: string;
    navbar: DashProps;
  }

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
