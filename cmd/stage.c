#include "cli/prog.h"
#include "stager/stager.h"

static const char *checksum;
static bool check;

static const struct opt options[] = {
    {.name = "checksum",
     .arg = "ALG:HEX",
     .text = &checksum,
     .help = "what the file must have: sha256:... or md5:..."},
    {.name = "check", .flag = &check, .help = "only ask whether it could; move nothing"},
    {0},
};

static int run(char **operands, struct buf *out, struct err *err)
{
    int n = 0;
    while (operands[n])
        n++;
    if (n == 0 || (n == 1 && str_same(operands[0], "-"))) {
        if (checksum || check)
            return err_set(err, CODE_USAGE,
                           "--checksum and --check are for operands; in a manifest each line has "
                           "its own");
        return manifest_run(err);
    }
    if (n > 2 || (n == 1 && !check))
        return err_set(err, CODE_USAGE, "expected SOURCE and DEST, found %d operand%s; see --help",
                       n, n == 1 ? "" : "s");
    if (check && checksum)
        return err_set(err, CODE_USAGE, "--check reads nothing, so it can compare no --checksum");
    return person_run(operands[0], operands[1], checksum, check, out, err);
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
