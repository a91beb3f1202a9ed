"""The best possible scores on synthetic studies, whose generating model is known.

A study is written as follows; a capital is drawn, a small letter is a parameter of params.yaml or
a constant of the module named.

1. A condition C (``conditions``), and given C every finding F_f apart from the others.
2. Its indication is about this study with probability ``text_informativeness``, else about any
   study at all. Given that study's C and F: a history of C; a clue of each finding, with one
   probability if it is present and another if not; and a question that names no finding, one, or
   two in order, chosen with weights that depend on their presence (``indication``). It is in the
   report for most studies; whether it is, and its letters, have nothing to do with C and F.
3. Its vital signs are about this study with probability ``vitals_informativeness``, else about any
   study at all: six normal variables, whose means C and F shift, rounded, limited, and lost
   (``emergency``).
4. A published label is the truth but for noise; then each finding that this study's own indication
   names turns positive with probability ``label_leak``, whichever study that is about (``mimic``).
   No Finding is published where nothing but Support Devices is.

The posterior probability of every published label follows by summing over all that is not seen.
Given the text, which ``events`` turns back into what was drawn, the only coupling of the findings
is the sum of all weights that the choice of what to ask for divides by; ``naming`` turns that into
an exact mixture. Vital signs depend on 15 findings, whose 32,768 sets are all enumerated; the
others are summed over as for the text. Nothing is sampled, so there is no Monte-Carlo error.

What is approximated, beyond ``vital_signs``: each study counts as drawn apart from all others, by
parameters that are known. In truth a patient's studies share conditions, a prevalence holds to
within one study per split, and the intercepts of a split follow its own mix of conditions; none of
this shows in one study's text or signs. An observer who was told the mix of the demo's 400 test
studies would change 99 % of the probabilities by less than 0.07, the log loss by 0.3 % and the mAP
by less than 0.001 of what it is here. "Any study at all" is the study itself, or one of the same
patient, in about 2 of N draws.

Images are bounded only: nobody does better than an observer who is told every sign that was drawn,
which is less than the published labels say, as these hold noise and leaks. ``sign_strength`` says
how far above the noise the signs are, and so which part of that bound is out of reach.
"""
