/* execdm-plan: where, and when, can this run? Asks every platform and planner, merges the offers.
 */
#include "cli/prog.h"
#include "planning.h"

static struct strs planners;
static const char *format, *timeout;
static bool explain;

static const struct opt options[] = {
    {.name = "planner",
     .arg = "URL|NAME|PLATFORM",
     .list = &planners,
     .help = "ask only this planner, or platform here; repeatable"},
    {.name = "explain",
     .flag = &explain,
     .help = "with a NO, tell the nearest request that would have been YES"},
    {.name = "timeout",
     .arg = "DURATION|SECONDS",
     .text = &timeout,
     .help = "wait no longer for a planner elsewhere; 30 s when not given"},
    {.name = "format",
     .arg = "table|json",
     .text = &format,
     .help = "form of the answer; a table on a terminal"},
    {0},
};

/* "PT10S", or "10" as execdm-status has it. */
static int parse_timeout(int64_t *ms, struct err *err)
{
    struct duration d;
    const char *why;
    char *end;
    double seconds = strtod(timeout, &end);
    if (*end || end == timeout)
        seconds = duration_parse(timeout, &d, NULL, &why) < 0
                      ? -1
                      : (double)duration_seconds(d, (struct when){0});
    if (!(seconds > 0 && seconds <= 86400))
        return err_set(err, CODE_USAGE,
                       "--timeout: expected a duration like PT10S, or seconds, got \"%s\"",
                       timeout);
    *ms = (int64_t)(seconds * 1000);
    return 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    struct asked asked = {.names = planners.list, .remote = true, .explain = explain};
    if (timeout && parse_timeout(&asked.timeout_ms, err) < 0)
        return -1;
    return planning_run(operands, &asked, format, out, err);
}

static const struct prog prog = {
    .name = "execdm-plan",
    .synopsis = "[TASK...]",
    .about = "Ask every platform and planner where and when a task can run.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
