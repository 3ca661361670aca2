"""``helpers.check_environment()``, or in a terminal ``python -m helpers.check_environment``.

What it looks at is in ``helpers.safety.environment``.
"""

import sys

from helpers.safety import environment

if __name__ == "__main__":
    sys.exit(environment.main())
sys.modules[__name__] = environment.check_environment  # so the module's name is the function's
