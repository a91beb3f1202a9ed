"""An analytic chest and its X-rays, with and without findings."""
