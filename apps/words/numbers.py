"""What every number on the pages measures, which direction is good, and its known bias.

st.metric("Loss increase", value, help=WORDS["delta"])
"""

from apps.words.selecting import SELECTING

WORDS = {
    **SELECTING,
    "delta": "Mean rise of the loss on the solutions, in nats per token, when this head attends "
    "uniformly. Higher: the model needs it more. Bias: also high for heads that any text needs, "
    "such as first-layer heads that join neighbouring tokens.",
    "interval": "95 % bootstrap interval over the probe's samples. If it reaches 0, the head may "
    "not matter at all.",
    "rank": "1 is the head whose loss costs most; after a race the circuit comes first, then the "
    "heads that were dropped. Neighbouring ranks often swap on another probe.",
    "stability": "Share of resampled probes in which this head is among the chosen. Higher is "
    "better; below about 80 % the head is in the circuit by luck of the probe.",
    "base_loss": "Loss of the untouched model on the probe's solutions, in nats per token. Lower: "
    "the model knows these solutions better. The probe is usually chosen for high loss. "
    "Bias: of other samples than the loss on the page Validate, so the two differ.",
    "shape": "Layers times query heads. Under grouped-query attention several query heads share "
    "one key and value head; each is still looked at by itself.",
    "circuit": "The heads whose loss costs most, the top share of all heads. Whether they matter "
    "more than chance is the validation's question.",
    "p_loss": "Chance that a random set of as many heads of the same layers costs at least as much "
    "loss. Lower is better; below 0.05 is the usual mark. It cannot go below 1 / (draws + 1).",
    "p_contribution": "The same with every head's output at its mean, which takes away what heads "
    "contribute and switches none on. Lower is better; where it is small and p by loss is not, "
    "random sets may cost much by idle heads that uniform attention switches on.",
    "p_accuracy": "The same by right answers of greedy decoding. Says little when the model "
    "answers few problems to begin with; the verdict then goes by the loss.",
    "p_exact": "The same by solutions reproduced word for word. Says nothing (1.0) when the model "
    "reproduces none to begin with.",
    "accuracy": "Share of problems whose final answer is right when the model decodes it greedily. "
    "Few problems are decoded, so it moves in coarse steps.",
    "exact": "Share of samples whose given solution greedy decoding would repeat word for word. A "
    "strict measure: another right way of writing counts as wrong.",
    "effect": "Cost of the circuit less the mean of all random sets of the same layers, with a "
    "95 % interval over samples and sets. An interval above 0 favours the circuit.",
    "set_loss": "Nats per token, mean over the samples of this validation. Higher: more damage. "
    "The unchanged model's is not that of the page Heads, which is over the probe's samples.",
    "cost_ratio": "What the circuit costs over what random heads of the same layers cost. Above 1: "
    "the circuit matters more than its layers.",
    "control": "The same knock-out on other data, such as plain text. A circuit special to "
    "reasoning adds less loss there than on the problems, beyond what random heads add (grey).",
    "recovered": "Every other head is made uniform: the share of the loss between all heads "
    "uniform and none that the circuit wins back alone. Higher: it suffices more. Near 0 %: it "
    "needs the others; below 0 %: the loss is higher still than with all uniform. Bias: low, since "
    "uniform heads hand the circuit what it never reads.",
    "probe_halves": "Agreement of the circuits that two random halves of the probe choose. Near 1: "
    "another probe would find the same heads; low: take a larger probe.",
    "score": "Higher is preferred by the selection. Rows without a score keep a status and a "
    "reason and are never chosen.",
    "paper": "Variance of attention received, as in the CircuitSeer paper. Higher: attention falls "
    "on fewer tokens. Bias: falls with length and rises with the attention sink, so a high score "
    "can mean a short prompt.",
    "cv2": "Variance of attention received times the squared length. Higher: attention falls on "
    "fewer tokens. Bias: still follows length and the sink.",
    "excess": "Departure from uniform attention, 0 for uniform attention at any length. Higher: "
    "more pointed. Bias: tends to rise with length.",
    "length_correlation": "Spearman's rank correlation of score and number of tokens, -1 to 1. "
    "Near 0 is good; far from 0, choosing by score is choosing by length.",
    "within_length": "Percentile of the score among the rows nearest in length. Higher: "
    "preferred; free of length by construction.",
    "n_tokens": "Tokens the score was taken on.",
    "received": "Mean share of attention this token gets from the circuit's heads, over all "
    "queries; sums to 1. Bias: the first token (the attention sink) and early tokens get more, "
    "because later tokens are visible to fewer queries.",
    "contribution": "(a - 1/T) squared: what this token adds to T times the paper's score. "
    "Higher: it drives the score, by too much or too little attention.",
    "split": "The score is a sum of squares over tokens. A head's share is its own departure from "
    "an even share times that of the circuit's mean: below 0 it pulls the other way. Bias: where "
    "one token has nearly all, the score measures that token, often the sink.",
    "find_row": "A row's id, or words in its text; the rows found are named by their place in the "
    "ranking.",
    "sink": "Leaves out the first token and leading template tokens and spreads each row's "
    "attention over the rest, so that the sink does not drown everything else.",
    "cut": "How many heads, from the top of the ranking, form the circuit. Stability falls where "
    "neighbours in rank differ by less than the probe can tell.",
    "layers": "loss increase: on the probe's solutions. control: the same on other data, such as "
    "plain text. contrast: the first less the second, each relative to its own loss; higher is "
    "more special to reasoning. stability: share of resampled probes that choose the head. "
    "contribution: the rise with the head's output at its mean, where measured. first token: share "
    "of its attention on the first token. retrieval: share of a value's tokens that the head "
    "copies by its key, from the newest such run on this model. previous token, induction: once "
    "measured, shares of attention on random tokens that come twice. kept: share of settings whose "
    "circuit has the head.",
    "retrieval": "Share of a value's tokens that the head looks at, in its place in the context, "
    "when the model is about to write them. Higher: it copies. Bias: only argmax counts, and only "
    "made-up keys and values.",
    "kept": "Share of the settings (probe, data, kind of ablation, losses counted) whose circuit "
    "has the head. Higher: it does not hang on one choice. Bias: settings that are nearly the same "
    "agree for that reason alone.",
    "idle": "Made uniform they write what they never wrote before, and the loss rises by that; "
    "taken away they are not missed. Rank by contribution to leave them out.",
    "head_contribution": "Rise of the loss when the head's output is held at its mean: what it "
    "adds to the answer. Higher: needed more. Bias: measured for the first heads in rank only.",
    "sink_share": "Share of the head's attention that lies on the first token. Near 1: it looks at "
    "nothing in particular, and scores made with it measure the sink.",
    "head_kinds": "On random tokens that come twice: the share of attention on the token before "
    "(previous token), and on the token that came after this one's last place (induction). Near 1: "
    "a head of that kind. Bias: a head may do other things on real text.",
    "pattern_view": "without the first token: shares of what lies on the others, since many heads "
    "rest there. log colours: small shares show as well. weighted by values: attention times the "
    "size of the value read, since a head may look where there is next to nothing to read.",
    "overlap": "Heads in both circuits over heads in either (Jaccard). 100 % is the same circuit. "
    "Bias: two small circuits share little by one swapped neighbour alone.",
    "rank_correlation": "Spearman's correlation of the ranks of all heads, −1 to 1. Near 1: the "
    "runs agree. Bias: the many heads that do nothing swap ranks freely and pull it down.",
    "attention-influence": "How much the loss rises, in shares of itself, when the circuit's "
    "heads are uniform together. Higher: needs looking back. Bias: a well-known text has a small "
    "loss to divide by; compare within one domain only.",
    "air": "The same step by step through the solution. Higher: the step needs looking back. Bias: "
    "as with every share of a loss, easy steps weigh much.",
    "air_score": "How much the loss of the solution rises with the heads uniform, as a share of "
    "that loss (or in nats, if scored --absolute). Higher: needs the heads more. Bias: large for "
    "solutions the model finds easy, whose loss to divide by is small.",
    "loss_base": "Loss of the solution of the model as it is, in nats per token. Lower: the model "
    "expects it more. Bias: low for formulaic text as well.",
    "loss_weak": "The same with the circuit's heads all uniform. Far above the loss as it is: the "
    "solution needs them. Any heads raise it somewhat; see Validate for how much.",
    "n_steps_found": "Blocks set apart by blank lines, else lines, else sentences; code and "
    "formulas are never cut, and a step of fewer than 4 tokens joins its neighbour. Bias: the "
    "author's layout decides.",
    "step_shade": "influence: orange needs the heads, blue does better without. weight: orange "
    "counts more in training than 1, blue less. Colours compare the steps of one solution.",
    "step_rule": "top-fraction doubles the steps of highest influence, softmax weighs by "
    "exp(influence / temperature), linear by 1 + influence / temperature within 0.5 and 2. Each "
    "is scaled to a mean of 1 per sample.",
    "step_temperature": "Lower: the weights differ more. Higher: nearer to plain training.",
    "place": "1 is the first of the order chosen beside it. Arrow keys go up and down.",
    "loss": "Mean loss of the solution. Higher: harder for the model. Bias: the highest losses are "
    "often broken rows.",
    "length": "Number of tokens; a control, to see what length alone would choose.",
    "ifd": "Loss of the solution with its problem over without. Higher: the problem helps less. "
    "Bias: noisy for short answers.",
    "naturalness": "Mean log-probability of the solution: its loss with the other sign. Higher: "
    "the model could have said it. Bias: prefers long steps and easy text.",
    "aslec-drop": "The same without the first token of every step. Higher: the model could have "
    "said the steps. Bias: how a solution goes on from step to step is left out.",
    "aslec-casl": "Naturalness less the effect of the share of first tokens, fitted on the pool. "
    "Higher: the model could have said it. Bias: relative to the pool it was fitted on.",
    "random": "A number by chance: the control for every other score.",
    "label_correlation": "Spearman's correlation of the score with a label of difficulty, −1 to 1. "
    "Above 0: the score prefers the hard. Bias: harder problems are longer, so a score of length "
    "shows up here as well; compare with length held fixed.",
    "correlations": "−1 to 1. `length`: tokens; `n_steps_found`, `step_tokens`, `digit_share`: "
    "steps of the solution, tokens a step, share of digits; the rest are labels of the data. "
    "“|length” with length held fixed, “|length,loss” with the model’s loss too. A good score "
    "follows difficulty and nothing else. Bias: with length fixed, what works through length is "
    "gone as well.",
    "range": "Rows with a score between the two ends. Drag in the histogram, or use the arrow keys "
    "here.",
    "search": "Letters in the prompt or the solution, large or small alike.",
    "sort": "score: what the selection goes by. within like lengths: percentile among rows of like "
    "length. data: the order of the file.",
    "marks": "Keep and drop by hand, with the keys K and D; again takes it back. N and B go on and "
    "back. Remembered with the run, and taken over by Select & export.",
    "labels": "Words of your own for rows, such as “wrong answer”. Remembered with the run, a "
    "filter above, and in the download; keep and drop alone go on to Select & export.",
    "marks_all": "Keep or drop every row that passes the filter; Neither takes both back.",
    "one_shape": "Runs on models of as many layers and heads: other probes, methods or kinds.",
    "top_share": "The share of highest rows that is compared: what a selection so large takes.",
    "rows_in_both": "Rows that both runs gave a score; the others do not count here.",
    "scores_correlation": "Spearman's correlation of the two scores, −1 to 1. Near 1: they prefer "
    "the same rows. Bias: two scores that follow length agree for that alone.",
    "tops_shared": "Share of the first run's highest rows that are among the second's. Compare "
    "with chance, below.",
    "top_tokens": "Mean tokens of its highest rows. Far from that of all rows: it chooses by "
    "length as well.",
    "side": "In the top, or the selection, of the first only, the second only, or both: the rows "
    "at stake when one is used in place of the other.",
    "variants": "paper: variance of attention received. cv2: the same times the squared length. "
    "excess: what departs from uniform attention. Each follows length in its own way; see the "
    "correlations.",
    "variant_score": "Each variant has its own scale: compare their ranks in the next column, not "
    "these numbers.",
    "pool_below": "Share of the pool with a lower score in this variant. If the variants disagree "
    "here, length or the sink decides, and not the text.",
    "play_loss": "Loss on the tokens below, of the model as it is, in nats per token. Lower: the "
    "model knows this solution better.",
    "play_rise": "Mean rise of that loss with the heads uniform. Higher: this problem needs them "
    "more. Bias: one problem is no evidence; see the page Validate.",
    "play_share": "Share of tokens whose loss rises by more than 0.1 nat. Higher: the damage is "
    "broad. Bias: easy tokens cannot get easier, so small shifts elsewhere are not counted.",
    "play_strip": "Orange: this token became harder, so it needed these heads. Blue: easier.",
    "play_place": "Starts at the token whose loss rises most; in brackets the rise. The chart "
    "below shows what the model expects in its place, given all tokens before it.",
    "play_answer": "Greedy decoding, a few tokens at a time. It takes a pass a token, so a larger "
    "model needs a while. Losses and colours need none of it.",
    "play_next": "Chances of what stands at this place. Bars of unlike length: the heads steer it. "
    "Bias: one token says little about the whole answer.",
    "n_new": "Decoding ends here, at the end of the answer, or where the context is full.",
    "random_draw": "As many heads of the same layers by chance: what does it take to be more than "
    "that?",
    "uniform": "These heads look at every earlier token alike; their values still flow.",
    "model": "A bundled name, a folder below an allowed root, or a hub id.",
    "data": "A bundled name, a file or glob below an allowed root, hf:owner/name, or an upload.",
    "strategy": "highest-loss takes what the model finds hardest (the paper's way); random and "
    "stratified are the controls for it.",
    "n_probe": "More samples: smaller intervals, and longer work in proportion.",
    "trim": "Leaves out the very highest losses, which are often broken rows.",
    "heads_method": "exact: each head uniform in turn on a probe. race, screen: the same circuit "
    "on fewer passes, with stated confidence. retrieval: which heads copy a value by its key; no "
    "head is touched.",
    "confidence": "That the circuit is the one of the whole probe. Higher: more passes before a "
    "head is dropped. Bias: of this probe, not of another one.",
    "race_tolerance": "How much more a head left out may matter than the least of the circuit, in "
    "shares of its loss increase. Near ties end sooner for it, and are listed.",
    "race_first": "Samples that all heads run on before the first is dropped. More: later drops, "
    "on firmer ground.",
    "robust_runs": "Finished searches on one model: other probes, data or kinds of ablation. A "
    "head stays where enough of them have it in their circuit.",
    "robust_data": "Probes drawn again from this data, under each kind of ablation; what has been "
    "run already is read.",
    "trial_selections": "Saved selections of one pool. Each is held against random rows and random "
    "rows of its lengths.",
    "trial_effect": "Each arm less random rows, over the same problems and seeds; lines are 95 % "
    "intervals. What crosses 0 cannot be told from random rows. Bias: three seeds give wide ones.",
    "trial_loss": "Mean loss of the held-out solutions after training, nats per token. Lower: it "
    "taught more. Bias: rows of the pool’s style gain by style alone.",
    "trial_right": "Held-out problems answered right. Higher is better. Bias: few problems.",
    "trial_task": "Mean of the task's own metric over its problems. Higher is better. Bias: the "
    "task's prompts and examples, not yours.",
    "trial_task_falling": "Mean of the task's own metric over its problems. Lower is better. Bias: "
    "the task's prompts and examples, not yours.",
    "trial_rows": "Different rows read, at most over the seeds.",
    "trial_tokens": "Tokens read: equal for all arms, but for the end of the last row.",
    "trial_rounds": "How often the arm’s rows were read. More rounds than random rows: what is "
    "compared is repetition as well.",
    "trial_read": "Rows of the eval data among those read. Above 0: tested on what it was trained "
    "on, which flatters it.",
    "trial_difference": "The arm less what it is held against. For the loss lower is better, for "
    "right answers higher.",
    "export": "A folder of exported rows; the tokens of their completions are learnt.",
    "steps_file": "Scores by the method air: each token then counts as much as its step weighs.",
    "min_heads": "In a small model a share of a few percent may be one head; this is the least.",
    "absolute": "The rise itself, not its share of the loss. Bias: then hard steps, with a large "
    "loss to begin with, come first.",
    "rank_by": "delta: by the loss increase, as in the paper. contrast: by what the problems need "
    "more than plain text does; finds fewer heads that any text needs.",
    "probe": "The samples that heads are ablated on.",
    "method": "circuitseer, attention-influence and air need a circuit; loss, length, ifd and "
    "random are the baselines to hold them against.",
    "part": "What is scored. Each method has its own default.",
    "with_loss": "Also the loss of each solution, as a label of difficulty. One more pass.",
    "pivots": "Problems solved at one time and not at another, each with the token where the two "
    "traces part. More: a steadier mask. Bias: what is always or never solved has none.",
    "pivot_problems": "Problems of the task that were traced, from the half of the data that no "
    "later step is tested on.",
    "greedy_right": "Share of these problems that greedy decoding solves. Near 0 or 100 %: few "
    "pivotal tokens. Bias: the answer counts, not the way to it.",
    "mean_sampled": "Traces drawn until one was right where greedy was wrong, or the other way. "
    "Higher: the model rarely changes its mind, and its pivots are rarer events.",
    "pivot": "Arrow keys go up and down. Blue: the token of the right trace; orange: of the wrong.",
    "mask_kept": "Query, key and value heads and neurons whose mask value ends above one half. "
    "Fewer: more specific. Bias: set by the price l1 above all.",
    "mask_share": "Of all heads by projection and neurons. The paper's masks keep 0.17 to 1.59 %. "
    "Bias: neurons are most of the count.",
    "difference_before": "Logit of the right token less that of the wrong one, mean over the "
    "pivotal tokens, unchanged model. Higher: it goes right more surely. Bias: above 0 where "
    "greedy decoding was right, below where it was wrong, so the mix of the two decides.",
    "difference_after": "The same in the last epoch, with every kept output doubled and the others "
    "scaled down. Higher is the aim. Bias: the tokens it was learnt on, and a mask is no update.",
    "validation_before": "Share of the validation problems answered right by the unchanged model.",
    "validation_after": "The same after the step that is kept. Higher is better. Bias: too high, "
    "because these problems chose the step; the report has others.",
    "step_kept": "Gradient steps taken; 0: no step was better than none (a tie counts as none), so "
    "nothing is changed.",
    "task_right": "Share of held-out problems of the task answered right by the unchanged model.",
    "amplify_gain": "Rise of that share by the masked update, mean over the seeds, with a 95 % "
    "interval over seeds and problems. An interval above 0 is a gain. Bias: of this task alone.",
    "amplify_against": "The masked update's share less that of the same update on as many "
    "components drawn at random. An interval above 0: the mask mattered, not just any training.",
    "side_effects": "Loss on text: nats per token, lower is better. Values retrieved: word for "
    "word by key. Components changed: a control that kept step 0 changed none.",
    "n_samples": "Rows that the command would work on.",
    "forward_passes": "Batches through the whole model, or parts of it added up.",
    "estimated_seconds": "From a short measurement on this machine, which may be busier later. "
    "Bias: short, since reading data and loading are left out.",
    "plan_memory": "Weights and attention patterns. Bias: low, the rest is left out.",
}
