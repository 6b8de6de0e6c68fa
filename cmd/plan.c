/* execdm-plan: where, and when, can this run? Asks every platform and merges the offers. */
#include "cli/prog.h"
#include "planning.h"

static struct strs planners;
static const char *format;
static bool explain;

static const struct opt options[] = {
    {.name = "planner",
     .arg = "PLATFORM",
     .list = &planners,
     .help = "ask this platform only (a name, or a file with a slash); repeatable"},
    {.name = "explain",
     .flag = &explain,
     .help = "with a NO, tell the nearest request that would have been YES"},
    {.name = "format",
     .arg = "table|json",
     .text = &format,
     .help = "form of the answer; a table on a terminal"},
    {0},
};

static int run(char **operands, struct buf *out, struct err *err)
{
    return planning_run(operands, planners.list, format, explain, out, err);
}

static const struct prog prog = {
    .name = "execdm-plan",
    .synopsis = "[TASK...]",
    .about = "Ask every platform where and when a task can run.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
