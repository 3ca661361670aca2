@echo off
rem Opens the course; the first time, sets it up from the wheels in this folder, without the internet.
cd /d "%~dp0"
for %%v in ({versions}) do (
  py -%%v -c "" >nul 2>nul && (
    py -%%v start.py %*
    goto end
  )
)
python -c "" >nul 2>nul && (
  python start.py %*
  goto end
)
echo The course needs Python {words}; install it from https://www.python.org/downloads/, or from the stick if it is there, and start this again.
pause
exit /b 1
:end
if errorlevel 1 pause
