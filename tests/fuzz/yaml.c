/* The YAML reader, whatever the text begins with. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_documents(data, size, true);
    return 0;
}
