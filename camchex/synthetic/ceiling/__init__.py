"""The best possible scores on synthetic studies, whose generating model is known.

The generator writes a study as follows. Capitals are drawn; other names are parameters of
params.yaml, or constants of the module in brackets.

1. A condition C (``conditions``), and given C every finding F independently of the others.
2. The indication is about this study with probability ``text_informativeness``, else about any
   study at all. Given C and F of the study that it is about, it holds a history of C; a clue of
   each finding, with one probability if the finding is present and another if not; and a question
   that names no finding, one, or two in order, chosen with weights that depend on their presence
   (``indication``). Which words name a finding (``paraphrases``, ``unlisted_words``) tells nothing
   more. Most reports hold the indication; whether a report does, and how it is spelt,
   is independent of C and F.
3. The vital signs are about this study with probability ``vitals_informativeness``, else about any
   study at all: six normal variables, whose means C and F shift, rounded, limited, and lost
   (``emergency``).
4. A published label is the truth but for noise. Then each finding that this study's own indication
   names turns positive with probability ``label_leak``, whichever study the indication is about
   (``mimic``). No Finding is published where nothing but Support Devices is.
5. With ``synergy``, the study has cues, whatever C and F are: the side of its symptoms, in the
   indication, and a fever, or none, in the vital signs. A shadow that two findings share tells one
   of them only together with a cue (``synergy``).

The posterior probability of every published label follows by summing over all that is not seen.
``events`` turns a text back into what was drawn. Given the text, findings are coupled only by the
sum of weights by which the choice of the question is divided; ``naming`` turns that sum into an
exact mixture. Vital signs depend on 14 findings, whose 16,384 sets are all enumerated; the others
are summed over as for the text. Nothing is sampled, so there is no Monte-Carlo error.

One thing is approximated, beyond those named in ``vital_signs``: each study counts as drawn apart
from all others, by parameters that are known. In truth a patient's studies share conditions, a
prevalence holds to within one study per split, and the intercepts of a split follow its own mix of
conditions; none of this shows in the text or the vital signs of one study. An observer who was told
the mix of the demo's 400 test studies would change 99 % of the probabilities by less than 0.07, the
log loss by 0.3 % and the mAP by less than 0.001. "Any study at all" is the study itself, or one of
the same patient, in about 2 of N draws.

Images are bounded only: nobody does better from images than an observer who is told every finding
that was drawn. That observer does not know the published labels, which hold noise and leaks too.
Of a shared shadow the observer is told no more than its place, and only if a view shows it; the sum
over the findings that it may be is exact (``shared_shadows``).

Given C and F, indication, vital signs and images are independent; given one label they are not,
since C, the other findings, the noise and the leak connect them. So separate observers, whose
log-odds are added, may fall short of the joint one without any synergy: not with images, if
``label_noise`` and ``label_leak`` are 0 (both then know every label), and else by what
docs/ablations.md says.

``measured_signs`` says how far radiological signs are above the noise, and so which part of the
bound is out of reach.
"""
