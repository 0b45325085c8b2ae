"""What settings and options of data mean, in the words that the command line and New run share.

Each begins a sentence: the command line adds names and defaults, which a form shows by itself.
"""

# Options of the data.
DROP = "Columns to leave out"
ORDER = "Rows are a series in the order of this column: the last ones test, later ones validate"
GROUP = "Rows with equal values stay in one part of the split; no feature"
FOLDS = "Validate on this many parts in turn; 1: on one"
LOG_COLUMNS = "Features with a long tail as logarithms"
ENCODING = "Inputs of networks: scaled values, or answers to yes/no questions"

# Settings of the search.
ITERATIONS = "Steps of a swarm in a training"
SAMPLER = "What proposes genomes"
REPEATS = "Trainings of a genome to begin with"
METRIC = "What is selected and reported on"
OBJECTIVE = "What swarms optimise in place of a loss"
DECODER = "What networks positions of swarms stand for"
START_FROM = "The network that swarms start from"
MAX_SECONDS = "End after this many seconds of active time"
WORKERS = "Worker processes"
