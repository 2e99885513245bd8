"""What every number on the pages measures, which direction is good, and its known bias.

st.metric("Loss increase", value, help=WORDS["delta"])
"""

WORDS = {
    "delta": "Mean rise of the loss on the solutions, in nats per token, when this head attends "
    "uniformly. Higher: the model needs it more. Bias: also high for heads that any text needs, "
    "such as first-layer heads that join neighbouring tokens.",
    "interval": "95 % bootstrap interval over the probe's samples. If it reaches 0, the head may "
    "not matter at all.",
    "rank": "1 is the head whose loss costs most. Neighbouring ranks often swap on another probe.",
    "stability": "Share of resampled probes in which this head is among the chosen. Higher is "
    "better; below about 80 % the head is in the circuit by luck of the probe.",
    "base_loss": "Loss of the untouched model on the probe's solutions, in nats per token. Lower: "
    "the model knows these solutions better. The probe is usually chosen for high loss.",
    "circuit": "The heads whose loss costs most, the top share of all heads. Whether they matter "
    "more than chance is the validation's question.",
    "p_loss": "Chance that a random set of as many heads of the same layers costs at least as much "
    "loss. Lower is better; below 0.05 is the usual mark. It cannot go below 1 / (draws + 1).",
    "p_accuracy": "The same by exactly reproduced solutions. Says nothing (1.0) when the model "
    "solves nothing to begin with.",
    "accuracy": "Share of samples whose given solution greedy decoding repeats word for word. A "
    "strict measure: another right way of writing counts as wrong.",
    "cost_ratio": "Answers lost with the circuit uniform over answers lost with random heads. "
    "Above 1: the circuit matters more than its layers.",
    "control": "The same knock-out on plain text. A circuit special to reasoning costs less here, "
    "relative to random heads, than on the problems.",
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
    "ess": "Number of equally likely rows whose draw would be as spread out. Near the pool's size: "
    "almost random; near the selection's size: almost the top.",
    "top_overlap": "Share of the selection among as many highest rows. Chance alone gives the "
    "fraction.",
    "selected": "Rows of the preview; the export takes exactly these.",
    "received": "Mean share of attention this token gets from the circuit's heads, over all "
    "queries; sums to 1. Bias: the first token (the attention sink) and early tokens get more, "
    "because later tokens are visible to fewer queries.",
    "contribution": "(a - 1/T) squared: what this token adds to T times the paper's score. "
    "Higher: it drives the score, by too much or too little attention.",
    "sink": "Leaves out the first token and leading template tokens and spreads each row's "
    "attention over the rest, so that the sink does not drown everything else.",
    "policy": "soft draws rows with chances that grow with the score, top and bottom take the "
    "ends; random and length-matched are the controls to train against.",
    "temperature": "Of soft sampling: weights are score^(1/temperature). Lower: nearer the top; "
    "higher: nearer random.",
    "adjust": "length draws by the percentile within like lengths, so that length plays no part.",
    "group_by": "Spreads the budget over the groups in proportion to their size.",
}
