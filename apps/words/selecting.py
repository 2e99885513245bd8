"""What the choices and numbers of a selection mean; part of `WORDS`.

st.selectbox("Policy", POLICIES, help=SELECTING["policy"])
"""

SELECTING = {
    "policy": "soft draws rows with chances that grow with the score, top and bottom take the "
    "ends; random and length-matched are the controls to train against.",
    "temperature": "Of soft sampling: weights are score^(1/temperature). Lower: nearer the top; "
    "higher: nearer random.",
    "adjust": "length draws by the percentile within like lengths, so that length plays no part; "
    "with more, among rows alike in all of them. Bias: the more columns, the less alike.",
    "group_by": "Spreads the budget over the groups in proportion to their size.",
    "budget": "How much is taken. A token budget is never exceeded. quotas alone: what the quotas "
    "under More ways to choose add up to.",
    "seed": "The same seed draws the same again.",
    "by_hand": "Rows dropped on the page Samples leave the pool; rows kept there come on top of "
    "what is drawn.",
    "ess": "Number of equally likely rows whose draw would be as spread out. Near the pool's size: "
    "almost random; near the selection's size: almost the top.",
    "top_overlap": "Share of the selection among as many highest rows. Chance alone gives the "
    "fraction.",
    "selected": "Rows of the preview; the export takes exactly these.",
    "token_share": "Tokens of the selected rows among all tokens of the pool. Below the share of "
    "rows: the selection prefers short ones.",
    "harder": "Each line: the mean of a label or length over the selected rows, over as many rows "
    "at random, and over random rows of the same lengths. Higher than random only: the selection "
    "took longer rows. Bias: one draw of each; 2 standard errors count as different.",
    "shared_rows": "Rows of this selection that the other one has too. Compare with chance, below.",
    "combine_with": "Other scores of the same data. Each row then counts by its percentile ranks "
    "in all of them; rows that lack one of the scores are left out.",
    "combine": "rank-mean: good on average. product: low in none of them. max: high in any of "
    "them. Bias: two scores that follow length prefer length twice.",
    "max_per_group": "Rows are taken in the policy's order, past those of a group that has so many "
    "already; groups are those of Group by. Lower: more even, and further from the score.",
    "near_duplicates": "Of texts at least so alike only the one the policy takes first stays; 0.8 "
    "is a usual start. Likeness: shared runs of five words over all of them, estimated. Bias: "
    "short texts of one pattern look alike.",
    "quota_by": "A column whose groups get amounts that you set. length_bin: tenths of the rows by "
    "length, 1 the shortest.",
    "quota_of": "Each gets its own amount of the budget, 0 for none; the other groups share the "
    "rest in proportion to their size.",
    "quotas": "asked: as set. in the pool: what there is of it. taken: what the selection has; "
    "less than asked where the pool has no more.",
}
