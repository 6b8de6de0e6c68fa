#include "cli/prog.h"
#include "stager/stager.h"

static const char *checksum, *jobs_text;
static bool check, resume, as_json;

static const struct opt options[] = {
    {.name = "checksum",
     .arg = "ALG:HEX",
     .text = &checksum,
     .help = "what the file must have: sha256:, md5:, adler32: or crc32c:..."},
    {.name = "resume",
     .flag = &resume,
     .help = "keep a part that came, and continue it the next time"},
    {.name = "jobs", .arg = "N", .text = &jobs_text, .help = "so many files at a time [4]"},
    {.name = "check", .flag = &check, .help = "only ask whether it could; move nothing"},
    {.name = "json", .flag = &as_json, .help = "answer in JSON on a terminal too"},
    {0},
};

static int parse_jobs(struct err *err)
{
    char *end = NULL;
    long n = jobs_text ? strtol(jobs_text, &end, 10) : JOBS_DEFAULT;
    if (n >= 1 && n <= JOBS_MAX && (!end || !*end))
        return (int)n;
    return err_set(err, CODE_USAGE, "--jobs: expected a number from 1 to %d, found %s", JOBS_MAX,
                   jobs_text);
}

static int run(char **operands, struct buf *out, struct err *err)
{
    int n = 0, jobs = parse_jobs(err);
    if (jobs < 0)
        return -1;
    while (operands[n])
        n++;
    if (n == 0 || (n == 1 && str_same(operands[0], "-"))) {
        if (checksum || check || resume)
            return err_set(err, CODE_USAGE,
                           "--checksum, --check and --resume are for operands; in a manifest each "
                           "line has its own");
        return manifest_run(jobs, err);
    }
    if (n > 2 || (n == 1 && !check))
        return err_set(err, CODE_USAGE, "expected SOURCE and DEST, found %d operand%s; see --help",
                       n, n == 1 ? "" : "s");
    if (check && (checksum || resume))
        return err_set(err, CODE_USAGE,
                       "--check reads nothing, so it has no use for --checksum and --resume");
    const struct person_asks asks = {operands[0], operands[1], checksum, check,
                                     resume,      as_json,     jobs};
    return person_run(&asks, out, err);
}

static const struct prog prog = {
    .name = "execdm-stage",
    .synopsis = "[SOURCE DEST | --check SOURCE [DEST] | < MANIFEST]",
    .about =
        "Moves files between places named by URLs (file, http, https) or paths, with checksums.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
